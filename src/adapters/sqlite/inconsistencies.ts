/**
 * What must hold in a database and no constraint of the schema says, as statements that find where it does not: a row for each
 * offence, which says in `what` what is wrong. Upkeep, as all of `maintenance.ts`: not in the registry for the same reasons.
 */
export interface Inconsistency {
  /** Stable, for programs. */
  readonly kind: string
  /** For people, as the head of a list. */
  readonly meaning: string
  readonly text: string
}

/** SQLite's own, which stops at 100. The quick one leaves out whether indexes and tables agree. */
export function pragmaChecks(quick: boolean): Inconsistency[] {
  const pragma = quick ? 'quick_check' : 'integrity_check'
  return [
    {
      kind: 'sqlite_integrity',
      meaning: 'SQLite finds the file damaged',
      text: `SELECT ${pragma} AS what FROM pragma_${pragma} WHERE ${pragma} <> 'ok'`,
    },
    {
      kind: 'foreign_key',
      meaning: 'rows that refer to a row that is not there',
      text: `SELECT "table" || ' refers to ' || parent AS what FROM pragma_foreign_key_check`,
    },
  ]
}

/** Those that a schema with these tables can have. */
export function inconsistencies(has: (table: string) => boolean): Inconsistency[] {
  const parts = has('blob_parts')
  const totals = has('storage_totals')
  return [
    ...ofCounts(parts),
    ...ofFiles,
    ...ofBodies(parts),
    ...(parts ? ofParts : []),
    ...(totals ? ofTotals : []),
  ]
}

const ofCounts = (parts: boolean): Inconsistency[] => [
  {
    kind: 'references_count',
    meaning: 'blobs whose count of references is not the number of what points at them',
    text: `SELECT id || ' has ' || stated || ', counted ' || counted AS what FROM (
        SELECT b.id, b.references_count AS stated, (SELECT count(*) FROM files WHERE blob_id = b.id)
          ${parts ? `+ (SELECT count(*) FROM blob_parts WHERE part_blob_id = b.id) + coalesce(u.count, 0)` : ''} AS counted
        FROM blobs b
        ${parts ? 'LEFT JOIN (SELECT blob_id, count(*) AS count FROM upload_parts GROUP BY blob_id) u ON u.blob_id = b.id' : ''}
      ) WHERE stated <> counted`,
  },
  {
    kind: 'garbage_mark',
    meaning: 'blobs that nothing points at and that will not be collected, or the other way round',
    text: `SELECT id || CASE WHEN references_count = 0 THEN ' is not marked' ELSE ' is marked' END AS what
      FROM blobs WHERE (references_count = 0) <> (garbage_since_ms IS NOT NULL)`,
  },
]

const ofFiles: readonly Inconsistency[] = [
  {
    kind: 'file_without_blob',
    meaning: 'files whose blob has no row: their content is lost',
    text: `SELECT coalesce(n.name, f.bucket_id) || '/' || f.key || ' (' || f.blob_id || ')' AS what
      FROM files f LEFT JOIN blobs b ON b.id = f.blob_id LEFT JOIN buckets n ON n.id = f.bucket_id
      WHERE b.id IS NULL`,
  },
  {
    kind: 'file_size',
    meaning: 'files that have another size than their blob',
    text: `SELECT n.name || '/' || f.key || ': ' || f.size_bytes || ', its blob ' || b.size_bytes AS what
      FROM files f JOIN blobs b ON b.id = f.blob_id JOIN buckets n ON n.id = f.bucket_id
      WHERE f.size_bytes <> b.size_bytes`,
  },
]

const ofBodies = (parts: boolean): Inconsistency[] => [
  {
    kind: 'location',
    meaning: 'blobs of which this release does not know where they are',
    text: `SELECT id || ': ' || location AS what FROM blobs
      WHERE location NOT IN ('row', 'store'${parts ? `, 'parts'` : ''})`,
  },
  {
    kind: 'missing_body',
    meaning: 'blobs of the database without their bytes, or with too many or too few',
    text: `SELECT b.id || ' has ' || coalesce(length(o.bytes), 'none') || ' of ' || b.stored_bytes || ' bytes' AS what
      FROM blobs b LEFT JOIN blob_bodies o ON o.blob_id = b.id
      WHERE b.location = 'row' AND length(o.bytes) IS NOT b.stored_bytes`,
  },
  {
    kind: 'orphan_body',
    meaning: 'bytes in the database that belong to no blob, or to one whose bytes are elsewhere',
    text: `SELECT o.blob_id AS what FROM blob_bodies o LEFT JOIN blobs b ON b.id = o.blob_id
      WHERE b.location IS NOT 'row'`,
  },
]

const ofParts: readonly Inconsistency[] = [
  {
    kind: 'part_without_blob',
    meaning: 'parts whose blob has no row: their content is lost',
    text: `SELECT 'part ' || p.number || ' of blob ' || p.blob_id AS what
      FROM blob_parts p LEFT JOIN blobs b ON b.id = p.part_blob_id
      WHERE p.part_blob_id IS NOT NULL AND b.id IS NULL
      UNION ALL
      SELECT 'part ' || p.number || ' of upload ' || p.upload_id
      FROM upload_parts p LEFT JOIN blobs b ON b.id = p.blob_id WHERE b.id IS NULL`,
  },
  {
    kind: 'parts_of_blob',
    meaning: 'blobs that consist of parts which do not add up to them',
    text: `SELECT b.id || ' of ' || b.size_bytes || ' bytes has ' || count(p.number) || ' parts of '
        || coalesce(sum(o.size_bytes), 0) AS what
      FROM blobs b LEFT JOIN blob_parts p ON p.blob_id = b.id LEFT JOIN blobs o ON o.id = p.part_blob_id
      WHERE b.location = 'parts' GROUP BY b.id
      HAVING coalesce(sum(o.size_bytes), 0) <> b.size_bytes OR coalesce(max(p.end_bytes), -1) <> b.size_bytes`,
  },
]

const ofTotals: readonly Inconsistency[] = [
  {
    kind: 'storage_totals',
    meaning: 'totals that are not the sums of what there is',
    text: `WITH recount AS MATERIALIZED (
        SELECT f.bucket_id, f.media_type, b.codec, b.reason, count(*) AS files, sum(b.size_bytes) AS size_bytes,
          sum(b.stored_bytes) AS stored_bytes
        FROM files f JOIN blobs b ON b.id = f.blob_id GROUP BY f.bucket_id, f.media_type, b.codec, b.reason)
      SELECT bucket_id || ' ' || media_type || ' ' || codec || ' ' || reason || ': '
        || coalesce(t.files || ' files, ' || t.size_bytes || ' and ' || t.stored_bytes || ' bytes', 'nothing')
        || ', counted '
        || coalesce(r.files || ' files, ' || r.size_bytes || ' and ' || r.stored_bytes || ' bytes', 'nothing') AS what
      FROM storage_totals t FULL JOIN recount r USING (bucket_id, media_type, codec, reason)
      WHERE t.files IS NOT r.files OR t.size_bytes IS NOT r.size_bytes OR t.stored_bytes IS NOT r.stored_bytes`,
  },
]
