/** Takes hashes on another thread than the one that serves: of a large upload, the MD5 would be most of its work. */
export interface Hasher {
  /** Whoever begins one ends it, by `digest` or `abandon`. */
  begin(algorithm: HashAlgorithm): BesideHash
}

export type HashAlgorithm = 'md5'

export interface BesideHash {
  /** Copies what it is given. A promise where that has to wait until the other thread has caught up. Once at a time. */
  update(bytes: Uint8Array): void | Promise<void>
  /** Rejects when the other thread is gone. */
  digest(): Promise<Uint8Array<ArrayBuffer>>
  abandon(): void
}
