import type { JobKind, JobState } from '../jobs/job.ts'
import { defineStatement } from './define.ts'

export interface JobRow {
  id: string
  kind: JobKind
  /** Null for the service's own. */
  ownerId: string | null
  /** JSON. */
  params: string
  state: JobState
  /** JSON; null before the first step. */
  stateJson: string | null
  cancelRequested: number
  /** JSON, of a job that failed. */
  error: string | null
  createdAtMs: number
  startedAtMs: number | null
  finishedAtMs: number | null
}

export interface ClaimedJobRow extends JobRow {
  attempts: number
}

const columns = `id, kind, owner_id AS ownerId, params, state, state_json AS stateJson,
      cancel_requested AS cancelRequested, error, created_at_ms AS createdAtMs, started_at_ms AS startedAtMs,
      finished_at_ms AS finishedAtMs`

export const insertJob = defineStatement<{
  id: string
  kind: string
  ownerId: string | null
  params: string
  createdAtMs: number
}>({
  name: 'jobs.insert',
  text: `INSERT INTO jobs (id, kind, owner_id, params, state, created_at_ms, updated_at_ms)
    VALUES (?1, ?2, ?3, ?4, 'queued', ?5, ?5)`,
  params: ['id', 'kind', 'ownerId', 'params', 'createdAtMs'],
  reads: ['users'],
  writes: ['jobs'],
})

export const findJob = defineStatement<{ id: string }, JobRow>({
  name: 'jobs.find',
  text: `SELECT ${columns} FROM jobs WHERE id = ?1`,
  params: ['id'],
  reads: ['jobs'],
  writes: [],
})

/** Newest first. */
export const listJobs = defineStatement<{ before: string; limit: number }, JobRow>({
  name: 'jobs.list',
  text: `SELECT ${columns} FROM jobs WHERE id < ?1 ORDER BY id DESC LIMIT ?2`,
  params: ['before', 'limit'],
  reads: ['jobs'],
  writes: [],
})

export const listJobsOfOwner = defineStatement<{ ownerId: string; before: string; limit: number }, JobRow>({
  name: 'jobs.list_of_owner',
  text: `SELECT ${columns} FROM jobs WHERE owner_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3`,
  params: ['ownerId', 'before', 'limit'],
  reads: ['jobs'],
  writes: [],
})

export const findLastJobOfKind = defineStatement<{ kind: string }, JobRow>({
  name: 'jobs.find_last_of_kind',
  text: `SELECT ${columns} FROM jobs WHERE kind = ?1 ORDER BY id DESC LIMIT 1`,
  params: ['kind'],
  reads: ['jobs'],
  writes: [],
})

/**
 * Waiting, or left by a process that died. A lease that ends a minute later than a new one would is of a clock that has gone
 * back since, and holds nobody up; less is how clocks of several machines differ.
 */
const claimable = `id > '' AND state IN ('queued', 'running') AND (lease_until_ms <= ?1 OR lease_until_ms > ?2 + 60000)`

/** Whether there is anything to claim: a look costs less than a write that changes nothing. */
export const findClaimableJob = defineStatement<{ nowMs: number; leaseUntilMs: number }, { id: string }>({
  name: 'jobs.find_claimable',
  text: `SELECT id FROM jobs WHERE ${claimable} ORDER BY id LIMIT 1`,
  params: ['nowMs', 'leaseUntilMs'],
  reads: ['jobs'],
  writes: [],
})

/** Gives the oldest job that nobody is at to `runner`: {@link ClaimedJobRow}, or no row. */
export const claimJob = defineStatement<{ nowMs: number; leaseUntilMs: number; runner: string }>({
  name: 'jobs.claim',
  text: `UPDATE jobs SET state = 'running', started_at_ms = coalesce(started_at_ms, ?1), updated_at_ms = ?1,
      lease_until_ms = ?2, runner = ?3, attempts = attempts + 1
    WHERE id = (SELECT id FROM jobs WHERE ${claimable} ORDER BY id LIMIT 1)
    RETURNING ${columns}, attempts`,
  params: ['nowMs', 'leaseUntilMs', 'runner'],
  reads: ['jobs'],
  writes: ['jobs'],
})

/** After a step. Gives no row when the job is another runner's by now. */
export const saveJob = defineStatement<{
  id: string
  runner: string
  stateJson: string
  nowMs: number
  leaseUntilMs: number
}>({
  name: 'jobs.save',
  text: `UPDATE jobs SET state_json = ?3, updated_at_ms = ?4, lease_until_ms = ?5, attempts = 0
    WHERE id = ?1 AND runner = ?2 AND state = 'running' RETURNING cancel_requested AS cancelRequested`,
  params: ['id', 'runner', 'stateJson', 'nowMs', 'leaseUntilMs'],
  reads: ['jobs'],
  writes: ['jobs'],
})

/** In the midst of a step. Gives no row when the job is another runner's by now. */
export const renewJob = defineStatement<{ id: string; runner: string; leaseUntilMs: number }>({
  name: 'jobs.renew',
  text: `UPDATE jobs SET lease_until_ms = ?3
    WHERE id = ?1 AND runner = ?2 AND state = 'running' RETURNING cancel_requested AS cancelRequested`,
  params: ['id', 'runner', 'leaseUntilMs'],
  reads: ['jobs'],
  writes: ['jobs'],
})

/** Lets go of a job, which somebody else may go on with at once. */
export const releaseJob = defineStatement<{ id: string; runner: string }>({
  name: 'jobs.release',
  text: `UPDATE jobs SET lease_until_ms = 0, attempts = 0 WHERE id = ?1 AND runner = ?2 AND state = 'running'`,
  params: ['id', 'runner'],
  reads: ['jobs'],
  writes: ['jobs'],
})

/** Where one process at a time has the database, whatever is leased at its start is a dead one's. */
export const releaseAllJobs = defineStatement<Record<string, never>>({
  name: 'jobs.release_all',
  text: `UPDATE jobs SET lease_until_ms = 0
    WHERE id > '' AND state IN ('queued', 'running') AND lease_until_ms > 0`,
  params: [],
  reads: ['jobs'],
  writes: ['jobs'],
})

export const finishJob = defineStatement<{
  id: string
  runner: string
  state: string
  stateJson: string | null
  error: string | null
  nowMs: number
}>({
  name: 'jobs.finish',
  text: `UPDATE jobs SET state = ?3, state_json = ?4, error = ?5, finished_at_ms = ?6, updated_at_ms = ?6,
      lease_until_ms = 0, runner = NULL
    WHERE id = ?1 AND runner = ?2 AND state = 'running'`,
  params: ['id', 'runner', 'state', 'stateJson', 'error', 'nowMs'],
  reads: ['jobs'],
  writes: ['jobs'],
})

/** One that waits is over at once; one that runs is told. Changes no row of one that is over. */
export const cancelJob = defineStatement<{ id: string; nowMs: number }>({
  name: 'jobs.cancel',
  text: `UPDATE jobs SET cancel_requested = 1, updated_at_ms = ?2,
      finished_at_ms = CASE state WHEN 'queued' THEN ?2 END,
      state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END
    WHERE id = ?1 AND state IN ('queued', 'running')`,
  params: ['id', 'nowMs'],
  reads: ['jobs'],
  writes: ['jobs'],
})

export const findFinishedJobs = defineStatement<
  { beforeMs: number; limit: number },
  { id: string; kind: string }
>({
  name: 'jobs.find_finished',
  text: `SELECT id, kind FROM jobs WHERE finished_at_ms < ?1 ORDER BY finished_at_ms LIMIT ?2`,
  params: ['beforeMs', 'limit'],
  reads: ['jobs'],
  writes: [],
})

export const deleteJob = defineStatement<{ id: string }>({
  name: 'jobs.delete',
  text: `DELETE FROM jobs WHERE id = ?1`,
  params: ['id'],
  reads: ['jobs'],
  writes: ['jobs'],
})

/** Files of a bucket and their plaintext, as the totals have it. */
export const findTotals = defineStatement<{ bucketId: string }, { files: number; bytes: number }>({
  name: 'jobs.find_totals',
  text: `SELECT coalesce(sum(files), 0) AS files, coalesce(sum(size_bytes), 0) AS bytes
    FROM storage_totals WHERE bucket_id = ?1`,
  params: ['bucketId'],
  reads: ['storage_totals'],
  writes: [],
})

/** The same of keys from `from` to before `to`, for which no totals are kept. Reads each. */
export const countFiles = defineStatement<
  { bucketId: string; from: string; to: string },
  { files: number; bytes: number }
>({
  name: 'jobs.count_files',
  text: `SELECT count(*) AS files, coalesce(sum(size_bytes), 0) AS bytes
    FROM files WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3`,
  params: ['bucketId', 'from', 'to'],
  reads: ['files'],
  writes: [],
})
