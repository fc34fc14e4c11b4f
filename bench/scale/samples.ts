import type { DatabaseSync } from 'node:sqlite'
import type { Dice } from './draw.ts'

/** What statements are asked about: rows that are there, those of large buckets as often as there are more of them. */
export interface Samples {
  readonly file: readonly FileSample[]
  /** Blobs that consist of parts, and blobs that are a part of another. */
  readonly composite: readonly { readonly blobId: string; readonly sizeBytes: number }[]
  readonly part: readonly string[]
  readonly upload: readonly { readonly id: string; readonly bucketId: string }[]
  readonly job: readonly string[]
  readonly link: readonly { readonly userId: string; readonly id: string }[]
  readonly accessKey: readonly string[]
  readonly token: readonly Uint8Array[]
}

export interface FileSample {
  readonly bucketId: string
  readonly bucket: string
  readonly ownerId: string
  readonly key: string
  readonly versionId: string
  readonly blobId: string
  readonly mediaType: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

const most = 5000

export function readSamples(database: DatabaseSync): Samples {
  const all = <T>(text: string) => database.prepare(text).all() as unknown as T[]
  const column = <T>(text: string) => all<{ value: T }>(text).map(({ value }) => value)
  const [count] = column<number>('SELECT sum(files) AS value FROM storage_totals')
  const step = Math.max(1, Math.floor((count ?? 0) / most))
  return {
    file: all<FileSample>(
      `SELECT * FROM (
        SELECT f.bucket_id AS bucketId, b.name AS bucket, b.owner_id AS ownerId, f.key AS key, f.version_id AS versionId,
          f.blob_id AS blobId, f.media_type AS mediaType, f.size_bytes AS sizeBytes, f.modified_at_ms AS modifiedAtMs,
          row_number() OVER () AS place
        FROM files f JOIN buckets b ON b.id = f.bucket_id) WHERE place % ${step} = 0`,
    ),
    composite: all('SELECT blob_id AS blobId, max(end_bytes) AS sizeBytes FROM blob_parts GROUP BY blob_id'),
    part: column('SELECT part_blob_id AS value FROM blob_parts WHERE part_blob_id IS NOT NULL LIMIT 5000'),
    upload: all('SELECT id, bucket_id AS bucketId FROM uploads LIMIT 5000'),
    job: column('SELECT id AS value FROM jobs LIMIT 5000'),
    link: all('SELECT user_id AS userId, id FROM signed_urls LIMIT 5000'),
    accessKey: column('SELECT id AS value FROM access_keys'),
    token: column('SELECT token_hash AS value FROM api_tokens'),
  }
}

export type Draw = <Kind extends keyof Samples>(kind: Kind) => Samples[Kind][number]

export function drawFrom(samples: Samples, dice: Dice): Draw {
  return (kind) => {
    const list = samples[kind]
    if (list.length === 0) throw new Error(`the database has no ${kind}`)
    return list[dice(list.length)]!
  }
}
