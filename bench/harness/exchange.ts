import { openConnection, requestHead } from './connection.ts'

export interface Answer {
  readonly status: number
  readonly body: Buffer
  /** From sending the request to the last byte of the answer. */
  readonly milliseconds: number
}

export interface Exchange {
  get(path: string): Promise<Answer>
  close(): void
}

/** One connection on which requests go one after the other, each timed. */
export async function openExchange(options: {
  host: string
  port: number
  headers: Readonly<Record<string, string>>
}): Promise<Exchange> {
  const { host, port, headers } = options
  let pieces: Buffer[] = []
  let sentAt = 0
  let settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

  const connection = await openConnection({
    host,
    port,
    onBody: (bytes, start, end) => void pieces.push(Buffer.from(bytes.subarray(start, end))),
    onEnd(status) {
      const milliseconds = performance.now() - sentAt
      settle?.resolve({ status, body: Buffer.concat(pieces), milliseconds })
    },
    onFailure: (reason) => settle?.reject(new Error(reason)),
  })

  return {
    get(path) {
      const request = Buffer.from(requestHead({ method: 'GET', path, host: `${host}:${port}`, headers }))
      pieces = []
      return new Promise((resolve, reject) => {
        settle = { resolve, reject }
        sentAt = performance.now()
        connection.send(request)
      })
    },
    close: () => connection.close(),
  }
}
