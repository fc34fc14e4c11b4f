import { z } from 'zod'
import { parsePolicy } from '../../core/compression/policy.ts'
import type { BucketRow } from '../../core/statements/buckets.ts'
import type { FileRecord } from '../../core/files/file.ts'
import { limits } from '../../core/limits.ts'

/** Shapes of the REST API. They validate what comes in and describe what goes out. */

export const visibility = z.enum(['private', 'public']).meta({
  description: 'Of a public bucket everybody may read files, and nothing else.',
})

const codecName = z.enum(['zstd', 'gzip', 'brotli', 'deflate', 'lz4'])

/** A bucket's, as it is given: what is left out is the default's. */
export const compressionPolicy = z
  .strictObject({
    mode: z
      .enum(['auto', 'off', ...codecName.options])
      .optional()
      .meta({
        description:
          '`auto` measures and chooses; a codec takes that one where it saves enough; `off` keeps all.',
      }),
    level: z
      .int()
      .min(0)
      .max(22)
      .optional()
      .meta({ description: 'Of the codec that `mode` names, held to its bounds.' }),
    minimumGain: z.number().min(0).max(1).optional().meta({ description: 'Share that must be saved.' }),
    minimumBytes: z.int().min(0).optional().meta({ description: 'Smaller files are kept as they are.' }),
    denyTypes: z
      .array(
        z
          .string()
          .regex(/^[\w!#$&^.+-]+\/([\w!#$&^.+-]+|\*)$/, 'must be a media type, such as image/png or image/*'),
      )
      .max(100)
      .optional()
      .meta({ description: 'Media types that are never compressed.' }),
  })
  .meta({ id: 'CompressionPolicy', description: 'How files are compressed at rest.' })

export const bucketShape = z
  .object({
    name: z.string(),
    visibility,
    compression: compressionPolicy.meta({
      description: 'As it applies: its own where given, else the default.',
    }),
    ownerId: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Bucket' })

export function describeBucket(bucket: BucketRow): z.infer<typeof bucketShape> {
  const { name, visibility, ownerId, createdAtMs } = bucket
  const { denyTypes, ...compression } = parsePolicy(bucket.compression)
  return {
    name,
    visibility,
    ownerId,
    compression: { ...compression, denyTypes: [...denyTypes] },
    createdAt: isoTime(createdAtMs),
  }
}

const text = (charsMax: number) => z.string().max(charsMax)

/** Bytes that a header can carry: no control characters, nothing above U+00FF, no spaces at the ends. */
const headerText = z
  .string()
  .max(limits.headerBytesMax)
  .regex(
    /^([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/,
    'must be text that a header can carry',
  )

export const metadata = z
  .record(
    z.string().regex(/^[a-z0-9][a-z0-9_.-]*$/, 'names have lower case letters, digits, _ . and -'),
    headerText,
  )
  .refine(
    (entries) =>
      Object.entries(entries).reduce((sum, [name, value]) => sum + name.length + value.length, 0) <=
      limits.metadataBytesMax,
    `metadata may have at most ${limits.metadataBytesMax} bytes in all`,
  )
  .meta({ description: 'Sent with the file as X-Cutty-Meta-{name}.' })

export const tags = z
  .record(text(limits.tagKeyCharsMax).min(1), text(limits.tagValueCharsMax))
  .refine(
    (entries) => Object.keys(entries).length <= limits.tagsMax,
    `there may be at most ${limits.tagsMax} tags`,
  )

/** RFC 6838 allows 127 characters for each half of a type. */
export const contentTypeCharsMax = 255

export const contentType = headerText
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+/, 'must be a media type')
  .max(contentTypeCharsMax)

/** What a client may say of a file; left out in a PATCH means unchanged, null means removed. */
export const description = {
  contentType,
  contentDisposition: headerText.nullable(),
  contentEncoding: headerText.nullable(),
  contentLanguage: headerText.nullable(),
  cacheControl: headerText.nullable(),
  metadata,
  tags,
}

export const fileShape = z
  .object({
    bucket: z.string(),
    key: z.string(),
    versionId: z.string().meta({ description: 'Another with every change of content or description.' }),
    sizeBytes: z.int(),
    storedBytes: z.int().meta({ description: 'What the file takes at rest.' }),
    codec: z
      .enum(['identity', ...codecName.options])
      .meta({ description: 'What it is compressed with at rest.' }),
    compression: z
      .object({
        reason: z
          .string()
          .meta({ description: 'Why it is stored like this, such as `compressed` or `no_gain`.' }),
        level: z.int(),
        gain: z.number().nullable().meta({ description: 'Share that was saved when it was measured.' }),
        frameBytes: z.int().meta({ description: 'Plaintext of a frame, the least that a range decodes.' }),
      })
      .meta({ description: 'The verdict on its content.' }),
    etag: z.string().meta({ description: 'The strong validator, as in the ETag header.' }),
    sha256: z
      .string()
      .nullable()
      .meta({ description: 'Of the content, in hexadecimal; null where a file was uploaded in parts.' }),
    contentType: z.string(),
    contentDisposition: z.string().nullable(),
    contentEncoding: z.string().nullable(),
    contentLanguage: z.string().nullable(),
    cacheControl: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    tags: z.record(z.string(), z.string()),
    createdAt: z.iso.datetime(),
    modifiedAt: z.iso.datetime(),
  })
  .meta({ id: 'File' })

export function describeFile(file: FileRecord): z.infer<typeof fileShape> {
  return {
    bucket: file.bucket.name,
    key: file.key,
    versionId: file.versionId,
    sizeBytes: file.sizeBytes,
    storedBytes: file.blob.storedBytes,
    codec: file.blob.codec,
    compression: {
      reason: file.blob.reason,
      level: file.blob.level,
      gain: file.blob.gain === undefined ? null : Math.round(file.blob.gain * 1e4) / 1e4,
      frameBytes: file.blob.frameBytes,
    },
    etag: `"${file.etag}"`,
    sha256: file.blob.sha256.length > 0 ? toHex(file.blob.sha256) : null,
    contentType: file.contentType,
    contentDisposition: file.headers.contentDisposition ?? null,
    contentEncoding: file.headers.contentEncoding ?? null,
    contentLanguage: file.headers.contentLanguage ?? null,
    cacheControl: file.headers.cacheControl ?? null,
    metadata: { ...file.metadata },
    tags: { ...file.tags },
    createdAt: isoTime(file.createdAtMs),
    modifiedAt: isoTime(file.modifiedAtMs),
  }
}

const pageLimitOf = (standard: number) =>
  z.coerce
    .number()
    .int()
    .min(1)
    .max(limits.listPageMax)
    .default(standard)
    .meta({ description: `Entries of a page, at most ${limits.listPageMax}.` })

export const pageLimit = pageLimitOf(limits.listPageMax)
/** Of lists whose newest entries are what is looked for. */
export const shortPageLimit = pageLimitOf(100)

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
