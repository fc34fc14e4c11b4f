import { z } from 'zod'
import { CuttyError } from '../../core/errors.ts'
import type { FileRecord } from '../../core/files/file.ts'
import { checkKey } from '../../core/files/names.ts'
import type { Call, Route } from '../route.ts'

/** How a request names a file, and how a reply does. */

export const tag = 'Files'
export const filePath = '/api/v1/buckets/{bucket}/files/{key…}'

const keyQuery = z.strictObject({
  key: z.string().meta({
    description: 'The key, instead of the path: for keys with `.` or `..` segments, which clients fold away.',
  }),
})

/** The same route twice: with the key in the path, and in the query. */
export function withKey(route: Route): Route[] {
  return [
    { ...route, query: z.strictObject({}) },
    { ...route, path: route.path.replace('/{key…}', ''), query: keyQuery },
  ]
}

/** The file that a request means: named by the rest of its path, or by its query. */
export function fileOf(call: Call): { bucket: string; key: string } {
  const named = { ...(call.query as object), ...call.params } as { bucket: string; key?: string }
  const { bucket, key } = named
  if (key === undefined)
    throw new CuttyError('invalid_key', 'Name the file in the path or by the key parameter.')
  checkKey(key)
  return { bucket, key }
}

/** A path where it can say the key; a query where clients would fold its dots away. */
export function locationOf(file: FileRecord): string {
  const base = `/api/v1/buckets/${file.bucket.name}/files`
  const folded = file.key.split('/').some((segment) => segment === '.' || segment === '..')
  return folded
    ? `${base}?key=${encodeURIComponent(file.key)}`
    : `${base}/${file.key.split('/').map(encodeURIComponent).join('/')}`
}
