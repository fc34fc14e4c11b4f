import {
  listAccesses,
  listAccessesOfUser,
  listAccessesToBucket,
  listRefusals,
  listRefusalsOfUser,
  listRefusalsToBucket,
} from '../../src/core/statements/access-log.ts'
import { limits } from '../../src/core/limits.ts'
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
  /** Rows of the access log. */
  readonly access: readonly AccessSample[]
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

export interface AccessSample {
  readonly number: number
  readonly atMs: number
  readonly userId: string
  readonly bucket: string
  /** Along each index: where a page that is filtered stops. */
  readonly ends: Readonly<Record<keyof typeof accessListings, { atMs: number; number: number }>>
}

/** Of the access log, by what a listing finds its rows. */
export const accessListings = {
  time: listAccesses,
  user: listAccessesOfUser,
  bucket: listAccessesToBucket,
  refused: listRefusals,
  refusedOfUser: listRefusalsOfUser,
  refusedToBucket: listRefusalsToBucket,
}

const none: Samples = {
  file: [],
  composite: [],
  part: [],
  upload: [],
  job: [],
  link: [],
  accessKey: [],
  token: [],
  access: [],
}

const most = 5000

/** Of the access log's database; the others of the other. */
export function readAccessSamples(database: DatabaseSync): Samples {
  const find = database.prepare(
    `SELECT number, at_ms AS atMs, user_id AS userId, bucket FROM access_log
    WHERE number >= ?1 AND user_id IS NOT NULL AND bucket IS NOT NULL ORDER BY number LIMIT 1`,
  )
  const { last } = database.prepare('SELECT max(number) AS last FROM access_log').get() ?? {}
  const wanted = most / 10
  const found = Array.from(
    { length: wanted },
    (_, at) => find.get(Math.ceil((Number(last) * at) / wanted)) as Omit<AccessSample, 'ends'> | undefined,
  ).filter((row) => row !== undefined)
  return { ...none, access: found.map((row) => ({ ...row, ends: endsOf(database, row) })) }
}

function endsOf(database: DatabaseSync, row: Omit<AccessSample, 'ends'>): AccessSample['ends'] {
  const { userId: user, bucket, atMs, number } = row
  const subjects = {
    time: undefined,
    refused: undefined,
    user,
    refusedOfUser: user,
    bucket,
    refusedToBucket: bucket,
  }
  const endAlong = (by: keyof typeof accessListings) => {
    const subject = subjects[by]
    const values = [atMs, number, 0, limits.accessScanRowsMax - 1]
    const end = database
      .prepare(accessListings[by].scanEnd.text)
      .get(...(subject === undefined ? values : [subject, ...values]))
    return { atMs: Number(end?.['atMs'] ?? 0), number: Number(end?.['number'] ?? 0) }
  }
  return {
    time: endAlong('time'),
    user: endAlong('user'),
    bucket: endAlong('bucket'),
    refused: endAlong('refused'),
    refusedOfUser: endAlong('refusedOfUser'),
    refusedToBucket: endAlong('refusedToBucket'),
  }
}

export function readSamples(database: DatabaseSync): Samples {
  const all = <T>(text: string) => database.prepare(text).all() as unknown as T[]
  const column = <T>(text: string) => all<{ value: T }>(text).map(({ value }) => value)
  const [count] = column<number>('SELECT sum(files) AS value FROM storage_totals')
  const step = Math.max(1, Math.floor((count ?? 0) / most))
  return {
    ...none,
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
