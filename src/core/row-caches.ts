import { accessKeysOf, tokensOf } from './accounts/credentials.ts'
import { createQueryCache, type QueryCacheOptions } from './cache/query-cache.ts'
import { createReadCounts } from './cache/read-counts.ts'
import type { Core } from './core.ts'
import { corsOf } from './files/cors.ts'
import { pointersOf } from './files/record.ts'
import { createReadRows } from './kept-statements.ts'
import { signedUrlsOf } from './links/revoke.ts'

/** The database of a core, what is kept of its rows, and which files are read most. */
export function createRowCaches(
  options: QueryCacheOptions,
): Pick<Core, 'database' | 'rows' | 'pointers' | 'cors' | 'accessKeys' | 'tokens' | 'signedUrls' | 'reads'> {
  const rows = createQueryCache(options)
  const { inspector } = options.database
  return {
    database: { ...rows.database, ...(inspector && { inspector }) },
    rows: { clear: () => rows.clear(), stats: () => rows.stats(), read: createReadRows(rows) },
    pointers: pointersOf(rows),
    cors: corsOf(rows),
    accessKeys: accessKeysOf(rows),
    tokens: tokensOf(rows),
    signedUrls: signedUrlsOf(rows),
    reads: createReadCounts(),
  }
}
