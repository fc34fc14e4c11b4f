import type { Statement } from '../ports/database.ts'
import * as accessLog from './access-log.ts'
import * as accounts from './accounts.ts'
import * as blobs from './blobs.ts'
import * as buckets from './buckets.ts'
import * as cache from './cache.ts'
import * as compression from './compression.ts'
import * as blobParts from './blob-parts.ts'
import * as files from './files.ts'
import * as guards from './guards.ts'
import * as jobs from './jobs.ts'
import * as listing from './listing.ts'
import * as rewrite from './rewrite.ts'
import * as settings from './settings.ts'
import * as signedUrls from './signed-urls.ts'
import * as statementStats from './statement-stats.ts'
import * as uploads from './uploads.ts'

/** Every SQL text of the application's database. Database adapters are created with it and run nothing else. */
export const statements: readonly Statement[] = Object.freeze(
  [
    accounts,
    blobParts,
    blobs,
    buckets,
    cache,
    compression,
    files,
    guards,
    jobs,
    listing,
    rewrite,
    settings,
    signedUrls,
    statementStats,
    uploads,
  ].flatMap((area) => Object.values<unknown>({ ...area }).flatMap(statementsIn)),
)

/** Those of the access log's database. */
export const accessLogStatements: readonly Statement[] = Object.freeze(
  Object.values<unknown>({ ...accessLog }).flatMap(statementsIn),
)

/** An export is a statement, a group of them, or something else. */
function statementsIn(exported: unknown): Statement[] {
  if (typeof exported !== 'object' || exported === null) return []
  return isStatement(exported) ? [exported] : Object.values(exported).filter(isStatement)
}

function isStatement(value: unknown): value is Statement {
  return typeof value === 'object' && value !== null && 'text' in value && 'params' in value
}
