import { connect, type Socket } from 'node:net'

/** A TCP connection on which a test says what it likes. */
export interface RawConnection {
  readonly socket: Socket
  write(bytes: string | Uint8Array): void
  /** All that has arrived, as soon as it fits; rejects when the connection ends before. */
  received(pattern: RegExp): Promise<string>
  /** All that arrived until the other side closed. */
  closed(): Promise<string>
}

/** `text` is Latin-1: each character a byte. */
export async function openConnection(url: string): Promise<RawConnection> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port) })
  let text = ''
  let ended = false
  let waiting: (() => void)[] = []
  const wake = () => {
    const woken = waiting
    waiting = []
    for (const each of woken) each()
  }
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    wake()
  })
  socket.on('close', () => {
    ended = true
    wake()
  })
  // A reset is an end too.
  socket.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return {
    socket,
    write: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    async received(pattern) {
      while (!pattern.test(text)) {
        if (ended) throw new Error(`The connection ended before ${String(pattern)} came: ${text}`)
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
      return text
    },
    async closed() {
      // oxlint-disable-next-line no-unmodified-loop-condition
      while (!ended) await new Promise<void>((resolve) => waiting.push(resolve))
      return text
    },
  }
}

/** Waits for something that another part does in its own time; the test's time-out is the limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}
