import { env } from 'cloudflare:workers'

/** Rows before those that they refer to. */
const tables = [
  'statement_stats',
  'file_reads',
  'jobs',
  'signed_urls',
  'upload_parts',
  'uploads',
  'files',
  'blob_parts',
  'blob_bodies',
  'blobs',
  'buckets',
  'api_tokens',
  'access_keys',
  'users',
  'settings',
]

/** Suites of one run share a database: each begins and ends with nothing in it. */
export async function clear(): Promise<void> {
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)))
}
