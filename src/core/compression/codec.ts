export type CodecName = 'zstd' | 'gzip' | 'brotli' | 'deflate' | 'lz4'

/**
 * One way of making bytes smaller, a frame at a time. A frame is a piece of the plaintext that is compressed by itself, so
 * that it can be decoded without those before it. The frames of a blob, between the envelope's head and tail, are one
 * valid stream of the codec, which any decoder of it reads.
 */
export interface Codec {
  readonly name: CodecName
  /** The HTTP content coding that such a stream is; `undefined` where it is none (R15). */
  readonly contentCoding: 'zstd' | 'gzip' | 'br' | 'deflate' | undefined
  /** Whether a stream may have more than one frame. */
  readonly severalFrames: boolean
  readonly levels: Levels

  /**
   * Compresses one frame: on a thread of the runtime's pool where there is one and the frame is large. Once the promise has
   * settled the memory of `plain` may be used again, so what it gives has memory of its own.
   */
  compressFrame(plain: Uint8Array, level: number): Promise<Uint8Array>

  /**
   * The plaintext of one frame, exactly `plainBytes` long. Never makes more than that (R24); a frame that is cut short, or
   * makes less or more, is an error. Whether the bytes are the right ones is told by their checksum in the index (R25).
   */
  decompressFrame(stored: Uint8Array, plainBytes: number): Promise<Uint8Array>

  /** What stands before the first frame and behind the last. */
  createEnvelope(): Envelope
}

export interface Levels {
  readonly min: number
  readonly max: number
  /** For uploads that must not wait. */
  readonly fast: number
  /** What an upload is worth. */
  readonly ratio: number
  /** For the background. */
  readonly strong: number
}

export interface Envelope {
  readonly head: Uint8Array
  /** Gets every frame's plaintext, in order. */
  update(plain: Uint8Array): void
  tail(): Uint8Array
}

const nothing = new Uint8Array(0)

/** Where the frames alone are the stream. `emptyStream` is that of nothing, since no bytes at all are none. */
export function createBareEnvelope(emptyStream: Uint8Array): Envelope {
  let isEmpty = true
  return {
    head: nothing,
    update() {
      isEmpty = false
    },
    tail: () => (isEmpty ? emptyStream : nothing),
  }
}
