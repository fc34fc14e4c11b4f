import { brotli } from './brotli.ts'
import type { Codec, CodecName } from './codec.ts'
import { deflate, gzip } from './deflate.ts'
import { lz4 } from './lz4.ts'
import { zstd } from './zstd.ts'

export const codecs: Readonly<Record<CodecName, Codec>> = Object.freeze({ zstd, gzip, brotli, deflate, lz4 })
