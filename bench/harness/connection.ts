import { connect } from 'node:net'
import { createResponseParser } from './response-parser.ts'
import type { ResponseListener } from './response-parser.ts'

/**
 * One HTTP/1.1 connection over a bare socket, one request at a time. Node's own client spends more time on a
 * 1 KiB request than the server that is to be measured.
 */
export interface Connection {
  /** Sends a whole request, head and body. The bytes must stay as they are until the response ended. */
  send(request: Buffer): void
  close(): void
}

export interface ConnectionOptions extends ResponseListener {
  readonly host: string
  readonly port: number
  /** The socket ended, failed, or carried something that is no response. Called once; never after `close`. */
  readonly onFailure: (reason: string) => void
  readonly readBytes?: number
}

/** Resolves when the connection is open. */
export function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { host, port, onFailure } = options
  const parser = createResponseParser(options)
  let open = false

  return new Promise((resolve, reject) => {
    function fail(reason: string): void {
      if (!open) return
      open = false
      socket.destroy()
      onFailure(reason)
    }
    const socket = connect({
      host,
      port,
      noDelay: true,
      // One buffer for the life of the connection: reading allocates nothing. Of 8 to 1024 KiB, 64 is the
      // size at which 1 MiB and 64 MiB bodies both arrive as fast as wrk reads them.
      onread: {
        buffer: Buffer.allocUnsafeSlow(options.readBytes ?? 64 * 1024),
        callback(length, buffer) {
          try {
            parser.push(buffer as Buffer, length)
          } catch (error) {
            fail(error instanceof Error ? error.message : String(error))
          }
          return true
        },
      },
    })
    socket.once('connect', () => {
      open = true
      resolve({
        send(request) {
          socket.write(request)
        },
        close() {
          open = false
          socket.destroy()
        },
      })
    })
    socket.once('error', (error) => {
      reject(error)
      fail(error.message)
    })
    socket.once('close', () =>
      fail(parser.midway ? 'closed midway through a response' : 'closed by the server'),
    )
  })
}

/** A request head; `body` sets Content-Length. */
export function requestHead(options: {
  method: string
  path: string
  host: string
  headers?: Readonly<Record<string, string>>
  bodyBytes?: number
}): string {
  const { method, path, host, headers = {}, bodyBytes } = options
  const fields = Object.entries({
    host,
    ...headers,
    ...(bodyBytes === undefined ? {} : { 'content-length': String(bodyBytes) }),
  })
  return `${method} ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}
