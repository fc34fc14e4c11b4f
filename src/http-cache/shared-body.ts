/** One body from the origin for several readers and for the store. */
export interface SharedBody {
  /** From its beginning, whenever it is called; undefined once the beginning is gone. `end` is exclusive. */
  open(range?: { start: number; end: number }): ReadableStream<Uint8Array> | undefined
  /** All bytes; undefined when there are too many of them, or not those that were promised. Never rejects. */
  readonly whole: Promise<Uint8Array<ArrayBuffer> | undefined>
}

export interface SharedBodyOptions {
  /** Content-Length: another number of bytes is an error, for readers too (RFC 9112 §8). */
  readonly lengthBytes?: number | undefined
  /** More than this is passed on without being kept. */
  readonly bytesMax: number
  /** The longest wait for a chunk. */
  readonly idleMs: number
}

/** How far the origin may be ahead of the slowest reader where nothing is kept. */
const aheadBytesMax = 1024 ** 2

/**
 * Reads at the origin's pace while the body is to be kept, so that a client that hangs up or is slow does not spoil it. Beyond
 * `bytesMax` it turns into a pipe: at the pace of the slowest reader, and closed with the last one.
 */
export function shareBody(source: ReadableStream<Uint8Array>, options: SharedBodyOptions): SharedBody {
  const { lengthBytes, bytesMax, idleMs } = options
  const readers = new Set<{ next: number }>()
  /** The first of `chunks` is number `base`. */
  let chunks: Uint8Array[] = []
  let base = 0
  let received = 0
  let heldBytes = 0
  let keeping = true
  let state: 'open' | 'ended' | { failure: unknown } = 'open'
  let changed = Promise.withResolvers<void>()

  function wake(): void {
    changed.resolve()
    changed = Promise.withResolvers()
  }

  function dropRead(): void {
    if (keeping) return
    const slowest = Math.min(...[...readers].map(({ next }) => next))
    while (chunks.length > 0 && base < slowest) {
      heldBytes -= chunks.shift()!.length
      base++
    }
    if (readers.size === 0) chunks = []
  }

  function isFarAhead(): boolean {
    return !keeping && heldBytes > aheadBytesMax && readers.size > 0
  }

  async function pump(): Promise<void> {
    const reader = source.getReader()
    try {
      for (;;) {
        while (isFarAhead()) await changed.promise
        if (!keeping && readers.size === 0) throw new Error('Nobody reads this body any more')
        const { done, value } = await within(reader.read(), idleMs, 'The body stood still')
        if (done) break
        received += value.length
        if (lengthBytes !== undefined && received > lengthBytes) throw new Error('The body is too long')
        chunks.push(value)
        heldBytes += value.length
        if (received > bytesMax) keeping = false
        dropRead()
        wake()
      }
      if (lengthBytes !== undefined && received < lengthBytes) throw new Error('The body is too short')
      state = 'ended'
    } catch (failure) {
      state = { failure }
      void reader.cancel(failure).catch(() => {})
    }
    wake()
  }

  function open({ start, end } = { start: 0, end: Number.POSITIVE_INFINITY }) {
    if (base > 0) return undefined
    const place = { next: 0 }
    let position = 0
    readers.add(place)
    const close = () => {
      readers.delete(place)
      dropRead()
      wake()
    }
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          while (position < end) {
            const chunk = chunks[place.next - base]
            if (chunk === undefined) {
              if (state === 'ended') break
              if (state !== 'open') {
                close()
                return controller.error(state.failure)
              }
              await changed.promise
              continue
            }
            place.next++
            // A copy: a reader may do as it likes with its chunk, such as to transfer it.
            const part = chunk.slice(Math.max(0, start - position), Math.max(0, end - position))
            position += chunk.length
            dropRead()
            wake()
            if (part.length > 0) return controller.enqueue(part)
          }
          close()
          controller.close()
        },
        cancel: close,
      },
      { highWaterMark: 0 },
    )
  }

  const whole = pump().then(() => (state === 'ended' && keeping ? join(chunks, received) : undefined))
  return { open, whole }
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** Rejects with a `TimeoutError` when it takes longer; what comes later is ignored. */
export async function within<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DOMException(message, 'TimeoutError')), ms)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}
