import { authorizeAdmin, authorizeBucket, type Caller, requireUser } from '../accounts/caller.ts'
import type { PriceOverrides } from '../compression/prices.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { findBucketRow } from '../files/buckets.ts'
import { idTimeMs } from '../ids.ts'
import { bind } from '../ports/database.ts'
import {
  cancelJob as cancelJobRow,
  deleteJob,
  findClaimableJob,
  findFinishedJobs,
  findJob,
  findLastJobOfKind,
  insertJob,
  type JobRow,
  listJobs,
  listJobsOfOwner,
  releaseAllJobs,
} from '../statements/jobs.ts'
import { findFirstBlob } from '../statements/rewrite.ts'
import type { JobKind, JobParams, JobProgress } from './job.ts'
import { works } from './works.ts'

/** A job as it is shown. */
export interface JobView {
  readonly id: string
  readonly kind: JobKind
  readonly state: JobRow['state']
  /** Null for the service's own. */
  readonly ownerId: string | null
  readonly cancelRequested: boolean
  readonly params: JobParams
  readonly progress: JobProgress
  /** As far as it came; null before its first step. */
  readonly result: unknown
  readonly error: { readonly code: string; readonly detail: string } | null
  readonly createdAtMs: number
  readonly startedAtMs: number | null
  readonly finishedAtMs: number | null
}

const noProgress: JobProgress = Object.freeze({ files: 0, bytes: 0, filesTotal: 0, bytesTotal: 0 })

function viewOf(row: JobRow): JobView {
  const { id, kind, state, ownerId, createdAtMs, startedAtMs, finishedAtMs } = row
  const params = JSON.parse(row.params) as JobParams
  const work = works[kind]
  const known = row.stateJson === null ? undefined : (JSON.parse(row.stateJson) as unknown)
  return {
    id,
    kind,
    state,
    ownerId,
    params,
    createdAtMs,
    startedAtMs,
    finishedAtMs,
    cancelRequested: row.cancelRequested === 1,
    progress: work && known !== undefined ? work.progress(known) : noProgress,
    result: work && known !== undefined ? work.result(params, known) : null,
    error: row.error === null ? null : (JSON.parse(row.error) as JobView['error']),
  }
}

export interface JobRequest {
  readonly kind: JobKind
  readonly bucket?: string | undefined
  readonly prefix?: string | undefined
  readonly bytesPerSecond?: number | undefined
  /** Of a compression report, in the place of R2's. */
  readonly prices?: PriceOverrides | undefined
}

/**
 * Queues a job over a bucket of the caller's, or over all that are theirs; over all of everybody for an administrator. A scrub
 * is an administrator's, and of everything.
 */
export async function createJob(core: Core, caller: Caller, request: JobRequest): Promise<JobView> {
  const userId = requireUser(caller)
  const { kind, bucket, prefix, bytesPerSecond, prices } = request
  if (!works[kind]) throw new CuttyError('invalid_request', `This service knows no job “${kind}”.`)
  if (prefix !== undefined && bucket === undefined) {
    throw new CuttyError('invalid_request', 'A prefix goes with a bucket.')
  }
  if (prices && kind !== 'compression_report') {
    throw new CuttyError('invalid_request', 'Prices go with a compression report.')
  }
  if (kind === 'scrub') {
    authorizeAdmin(caller)
    if (bucket !== undefined) throw new CuttyError('invalid_request', 'A scrub is of all buckets.')
  }
  if (bucket !== undefined) authorizeBucket(caller, 'manage', await findBucketRow(core, caller, bucket))
  const ownerId = caller.role === 'admin' ? undefined : userId
  const params = { bucket, prefix, bytesPerSecond, ownerId, ...(prices && { prices }) }
  return queueJob(core, { kind, userId, params })
}

async function queueJob(
  core: Core,
  of: { kind: JobKind; userId: string | null; params: JobParams },
): Promise<JobView> {
  const job = {
    id: core.ids.next(),
    kind: of.kind,
    ownerId: of.userId,
    params: JSON.stringify(of.params),
    createdAtMs: core.clock.now(),
  }
  await core.database.batch([bind(insertJob, job)])
  core.wakeJobs()
  const fresh = { state: 'queued', stateJson: null, cancelRequested: 0, error: null } as const
  return viewOf({ ...job, ...fresh, startedAtMs: null, finishedAtMs: null })
}

/** The caller's own, the newest first; an administrator sees everybody's. */
export async function readJobs(
  core: Core,
  caller: Caller,
  page: { limit: number; cursor?: string | undefined },
): Promise<{ jobs: JobView[]; nextCursor: string | undefined }> {
  const ownerId = requireUser(caller)
  // Ids are ordered by time; `~` is behind all of their characters.
  const { cursor: before = '~' } = page
  const request = { before, limit: page.limit + 1 }
  const rows =
    caller.role === 'admin'
      ? await core.database.query(listJobs, request)
      : await core.database.query(listJobsOfOwner, { ...request, ownerId })
  const shown = rows.slice(0, page.limit)
  return { jobs: shown.map(viewOf), nextCursor: rows.length > page.limit ? shown.at(-1)?.id : undefined }
}

/** Somebody else's is `job_not_found`, as one that does not exist. */
export async function readJob(core: Core, caller: Caller, id: string): Promise<JobView> {
  const userId = requireUser(caller)
  const [row] = await core.database.query(findJob, { id })
  if (!row || (caller.role !== 'admin' && row.ownerId !== userId)) {
    throw new CuttyError('job_not_found', 'There is no job with this id.')
  }
  return viewOf(row)
}

/** One that waits is cancelled at once; one that runs, soon. */
export async function cancelJob(core: Core, caller: Caller, id: string): Promise<JobView> {
  const job = await readJob(core, caller, id)
  const [result] = await core.database.batch([bind(cancelJobRow, { id, nowMs: core.clock.now() })])
  if (result?.changes === 0) throw new CuttyError('conflict', `The job is over: ${job.state}.`)
  return readJob(core, caller, id)
}

/**
 * Lets jobs be gone on with at once. For the start of a process that has the database for itself: whatever is leased then was
 * leased by one that died.
 */
export async function releaseDeadJobs(core: Core): Promise<void> {
  const lease = { nowMs: 0, leaseUntilMs: 0 }
  if ((await core.database.query(findClaimableJob, lease)).length > 0) {
    await core.database.batch([bind(releaseAllJobs, {})])
  }
}

const dayMs = 86_400_000
const keptDays = 30
const finishedPageMax = 100

/** Removes jobs that were over 30 days ago; the last scrub stays, since the next one is due by it. */
export async function removeOldJobs(core: Core): Promise<void> {
  const page = { beforeMs: core.clock.now() - keptDays * dayMs, limit: finishedPageMax }
  for (;;) {
    const old = await core.database.query(findFinishedJobs, page)
    if (old.length === 0) return
    const [lastScrub] = await core.database.query(findLastJobOfKind, { kind: 'scrub' })
    const removed = old.filter(({ id }) => id !== lastScrub?.id)
    if (removed.length === 0) return
    await core.database.batch(removed.map(({ id }) => bind(deleteJob, { id })))
  }
}

/** Of scrubs that nobody asked for: a tenth of what a hard disk reads. */
const scrubBytesPerSecond = 20 * 1024 ** 2

/** Queues a scrub when the last one was over `days` ago, or failed a day ago. Zero days: never. */
export async function scheduleScrub(core: Core, options: { days: number }): Promise<void> {
  if (options.days === 0) return
  const [last] = await core.database.query(findLastJobOfKind, { kind: 'scrub' })
  if (last && last.finishedAtMs === null) return
  const days = last?.state === 'failed' ? Math.min(1, options.days) : options.days
  const sinceMs = last?.finishedAtMs ?? (await oldestBlobMs(core))
  if (sinceMs === undefined || sinceMs + days * dayMs > core.clock.now()) return
  await queueJob(core, { kind: 'scrub', userId: null, params: { bytesPerSecond: scrubBytesPerSecond } })
}

/** What was never scrubbed is due by the age of what is stored. */
async function oldestBlobMs(core: Core): Promise<number | undefined> {
  const [first] = await core.database.query(findFirstBlob, {})
  return first && idTimeMs(first.id)
}
