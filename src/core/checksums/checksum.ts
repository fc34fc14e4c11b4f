import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { crc32Bytes } from './crc-bytes.ts'
import { createCrc32c } from './crc32c.ts'
import { createCrc64Nvme } from './crc64nvme.ts'

/** S3's names of its checksum algorithms. */
export const checksumNames = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const

export type ChecksumName = (typeof checksumNames)[number]

export function isChecksumName(text: string): text is ChecksumName {
  return (checksumNames as readonly string[]).includes(text)
}

export const checksumSizeBytes: Readonly<Record<ChecksumName, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
}

/** A checksum of a stream of bytes, in any chunks. */
export interface Checksum {
  readonly name: ChecksumName
  update(bytes: Uint8Array): void
  /** The digest, of a CRC the number in big-endian order. Called once, after the last update. */
  digest(): Uint8Array
}

export function createChecksum(name: ChecksumName): Checksum {
  switch (name) {
    case 'CRC32':
      return createCrc32()
    case 'CRC32C':
      return createCrc32c()
    case 'CRC64NVME':
      return createCrc64Nvme()
    case 'SHA1':
      return createHashChecksum(name, 'sha1')
    case 'SHA256':
      return createHashChecksum(name, 'sha256')
  }
}

function createCrc32(): Checksum {
  let crc = 0
  return {
    name: 'CRC32',
    update(bytes) {
      crc = crc32(bytes, crc)
    },
    digest: () => crc32Bytes(crc),
  }
}

function createHashChecksum(name: ChecksumName, algorithm: 'sha1' | 'sha256'): Checksum {
  const hash = createHash(algorithm)
  return {
    name,
    update(bytes) {
      hash.update(bytes)
    },
    digest: () => new Uint8Array(hash.digest()),
  }
}

/** As the headers and elements of S3 have it: base64. */
export function formatChecksumValue(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('base64')
}

/** The digest that `text` gives; `undefined` unless it is the one base64 of a digest of the algorithm's length. */
export function parseChecksumValue(name: ChecksumName, text: string): Uint8Array | undefined {
  // First, so that a long text is not decoded.
  if (text.length !== Math.ceil(checksumSizeBytes[name] / 3) * 4) return undefined
  const digest = new Uint8Array(Buffer.from(text, 'base64'))
  // Buffer skips what it does not know, and ignores the bits after the last byte.
  return digest.length === checksumSizeBytes[name] && formatChecksumValue(digest) === text
    ? digest
    : undefined
}
