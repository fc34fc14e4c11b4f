import type { RequestListener } from 'node:http'
import { startListener } from '../../cli/cutty.ts'

/** Lets a client ask for anything, and says which codings it asked for by itself; `none` where it sent no header. */
export async function seenAcceptEncoding(ask: (url: string) => Promise<unknown>): Promise<string> {
  let seen = 'no request'
  const answer: RequestListener = (request, response) => {
    seen = request.headers['accept-encoding'] ?? 'none'
    response.end('seen')
  }
  const { url, stop } = await startListener(answer)
  try {
    await ask(url)
    return seen
  } finally {
    await stop()
  }
}
