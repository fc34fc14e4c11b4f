declare module 'lz4js' {
  /** Of one LZ4 frame. Does not look at checksums. */
  export function decompress(stream: Uint8Array, sizeBytesMax?: number): Uint8Array
}
