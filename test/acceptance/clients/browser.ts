import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request, type RequestListener, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startListener } from '../../cli/cutty.ts'
import type { Download, Store, StoredFile } from './stored-files.ts'

/** A browser that needs no driver: it opens one page, whose script does the work and sends back what it found. */
export interface Browser {
  readonly command: string
  args(profile: string, url: string): readonly string[]
  /** Its settings, as the file `user.js` of its profile. */
  readonly preferences?: Readonly<Record<string, string | number | boolean>>
}

export interface Visit {
  readonly downloads: readonly Download[]
  /** Of the downloads, as they arrived: a page can neither choose nor see it. */
  readonly acceptEncodings: readonly string[]
}

/** Every proxy but the way to this machine: a browser that talks to its makers makes a test slow and its result uncertain. */
export const nowhere = '127.0.0.1:9'

/**
 * Downloads the files with `fetch` in a page of that browser. The page comes from a relay in front of the store, since pages
 * of the store itself may run no script (R42); the relay hands on both ways what it gets, as it gets it.
 */
export async function visit(browser: Browser, store: Store, files: readonly StoredFile[]): Promise<Visit> {
  const result = Promise.withResolvers<Download[]>()
  const acceptEncodings: string[] = []
  const paths = files.map(({ url }) => ({ url: new URL(url).pathname }))
  const parts: Record<string, (incoming: IncomingMessage, reply: ServerResponse) => Promise<void>> = {
    '/page': async (_, reply) => void reply.writeHead(200, { 'content-type': 'text/html' }).end(page(paths)),
    '/fetch-all.js': async (_, reply) => {
      const source = await readFile(join(import.meta.dirname, 'fetch-all.js'))
      reply.writeHead(200, { 'content-type': 'text/javascript' }).end(source)
    },
    '/result': async (incoming, reply) => {
      result.resolve(JSON.parse(await text(incoming)) as Download[])
      reply.writeHead(204).end()
    },
    '/favicon.ico': async (_, reply) => void reply.writeHead(404).end(),
  }
  const listener: RequestListener = (incoming, reply) => {
    const part = parts[incoming.url as string]
    if (!part) acceptEncodings.push(incoming.headers['accept-encoding'] ?? 'none')
    const answered = part ? part(incoming, reply) : relay(store.url, incoming, reply)
    // An orderly end would be another thing than what the store did.
    answered.catch(() => reply.socket?.resetAndDestroy())
  }
  const { url, stop } = await startListener(listener)
  try {
    const downloads = await withBrowser(browser, `${url}/page`, result.promise)
    return { downloads, acceptEncodings }
  } finally {
    await stop()
  }
}

function page(paths: readonly { url: string }[]): string {
  // `<` in a file's name would end the script.
  const requests = JSON.stringify(paths).replaceAll('<', '\\u003c')
  return `<!doctype html><title>cutty</title><script type="module">
    import { fetchAll } from '/fetch-all.js'
    const downloads = await fetchAll(${requests})
    await fetch('/result', { method: 'POST', body: JSON.stringify(downloads) })
  </script>`
}

async function relay(target: string, incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
  const { url, method, headers } = incoming
  const outgoing = request(target + url, { method, headers })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  // Told by what awaits the reply, or reads it.
  outgoing.on('error', () => {})
  outgoing.end()
  const [answer] = await answered
  reply.writeHead(answer.statusCode as number, answer.rawHeaders)
  for await (const chunk of answer) reply.write(chunk)
  reply.end()
}

/** Starts it with a fresh profile, and ends it and its processes when the result is there, or after a minute. */
async function withBrowser<T>(browser: Browser, url: string, result: Promise<T>): Promise<T> {
  const profile = await mkdtemp(join(tmpdir(), 'cutty-browser-'))
  const preferences = Object.entries(browser.preferences ?? {})
  const lines = preferences.map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`)
  if (lines.length > 0) await writeFile(join(profile, 'user.js'), lines.join(''))
  const child = spawn(browser.command, browser.args(profile, url), {
    env: { PATH: process.env['PATH'], HOME: profile },
    // A process group of its own, so that all of it can be ended.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said = text(child.stderr)
  const ended = once(child, 'close')
  const early = ended.then(async () => {
    throw new Error(`${browser.command} ended before its page did: ${await said}`)
  })
  early.catch(() => {})
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${browser.command} took more than 50 s`)), 50_000)
  try {
    return await Promise.race([result, early, late.promise])
  } finally {
    clearTimeout(timer)
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await ended.catch(() => {})
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}
