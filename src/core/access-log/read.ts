import { type Caller, refusal, requireUser } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { decodeCursor, encodeCursor } from '../files/cursor.ts'
import { limits } from '../limits.ts'
import {
  type AccessRow,
  listAccesses,
  listAccessesOfUser,
  listAccessesToBucket,
  listRefusals,
  listRefusalsOfUser,
  listRefusalsToBucket,
} from '../statements/access-log.ts'

export interface AccessRequest {
  /** Whose requests; without it, an administrator sees all. */
  readonly userId?: string | undefined
  readonly bucket?: string | undefined
  /** Of HTTP: 400 shows what was refused or failed. */
  readonly statusMin?: number | undefined
  /** Requests that came from then on, and before then. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
  /** 1 to 1,000. */
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface AccessPage {
  /** The newest first. */
  readonly entries: readonly AccessRow[]
  /** `undefined` at the end and only there: where no index serves a filter, a page looks at so many rows and no more. */
  readonly nextCursor: string | undefined
}

/** Requests as the access log has them, those of the last moment too. Users see their own. Throws `not_found` where none is kept. */
export async function readAccesses(core: Core, caller: Caller, request: AccessRequest): Promise<AccessPage> {
  const callerId = requireUser(caller)
  const { userId = caller.role === 'admin' ? undefined : callerId, bucket, statusMin = 0 } = request
  if (caller.role !== 'admin' && userId !== callerId) throw refusal(caller)
  const { accessLog: log } = core
  if (!log) {
    throw new CuttyError('not_found', 'This service keeps no access log: see docs/guides/access-log.md.')
  }
  const cursorOf = { sort: 'time', order: 'desc', cursor: request.cursor }
  const [beforeMs = request.toMs ?? Number.MAX_SAFE_INTEGER, beforeNumber = 0] = decodeCursor(cursorOf, [
    'number',
    'number',
  ])
  if (log.hasUnsaved()) await log.save()

  const filter = { userId, bucket, statusMin }
  const { page, scanEnd, subject, isFiltered } = indexFor(filter)
  const before = { subject, beforeMs, beforeNumber }
  const fromMs = request.fromMs ?? Number.MIN_SAFE_INTEGER
  const [end] = isFiltered
    ? await log.database.query(scanEnd, { ...before, fromMs, rows: limits.accessScanRowsMax - 1 })
    : []
  const rows = await log.database.query(page, {
    ...before,
    lastMs: end?.atMs ?? fromMs,
    lastNumber: end?.number ?? 0,
    bucket: bucket ?? null,
    statusMin,
    limit: request.limit + 1,
  })
  const entries = rows.slice(0, request.limit)
  const last = rows.length > request.limit ? entries.at(-1) : end
  return { entries, nextCursor: last && encodeCursor(cursorOf, [last.atMs, last.number]) }
}

/** The one that leaves out the most, and whether it leaves something to be filtered. */
function indexFor(filter: { userId: string | undefined; bucket: string | undefined; statusMin: number }) {
  const { userId, bucket, statusMin } = filter
  const areRefusals = statusMin >= 400
  const isFiltered = statusMin > (areRefusals ? 400 : 0)
  if (userId !== undefined) {
    const listing = areRefusals ? listRefusalsOfUser : listAccessesOfUser
    return { ...listing, subject: userId, isFiltered: isFiltered || bucket !== undefined }
  }
  if (bucket !== undefined) {
    return { ...(areRefusals ? listRefusalsToBucket : listAccessesToBucket), subject: bucket, isFiltered }
  }
  return { ...(areRefusals ? listRefusals : listAccesses), subject: '', isFiltered }
}
