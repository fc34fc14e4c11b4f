import type { Core } from '../core.ts'
import { CuttyError, type ErrorCode, errorCodes } from '../errors.ts'
import { bind, DatabaseError } from '../ports/database.ts'
import {
  claimJob,
  type ClaimedJobRow,
  findClaimableJob,
  findJob,
  finishJob,
  releaseJob,
  renewJob,
  saveJob,
} from '../statements/jobs.ts'
import { type JobContext, JobInterrupted, type JobParams, type JobState, type JobWork } from './job.ts'
import { isOutage } from './outage.ts'
import { type Pause, createRate } from './rate.ts'
import { works as allWorks } from './works.ts'

export interface JobRunner {
  /**
   * Does jobs, one after another, until none is left that nobody is at, or `budgetMs` is used up: then the job is left as it
   * is, for whoever comes next. A step that has begun is brought to its end.
   */
  run(options?: { budgetMs?: number }): Promise<void>
  /** There may be something to do: begins in the background, unless it is under way. */
  wake(): void
  /** Breaks off the job under way at its next piece, resumable, and begins no other. */
  stop(): void
}

export interface JobRunnerOptions {
  readonly pause: Pause
  readonly works?: Readonly<Partial<Record<string, JobWork<JobParams, unknown>>>>
}

/** Longer than any piece of work between two renewals; so long does a job rest after its process died. */
export const leaseMs = 60_000
const renewEveryMs = 20_000
/** Whether it was cancelled is asked this often; a look at one row. */
const lookEveryMs = 2000
/** Of a step that does not end, because it takes its process down each time. */
const attemptsMax = 5
/** How long a step waits that met an outage, before it is tried again: after the last, the job fails. */
const outagePausesMs = [1000, 2000, 5000, 10_000, 30_000] as const

/** Claims jobs and does them, step by step (see {@link JobWork}). Several runners may share one database. */
export function createJobRunner(core: Core, options: JobRunnerOptions): JobRunner {
  const { pause, works = allWorks } = options
  const runner = core.ids.next()
  const stopping = new AbortController()
  let isActive = false
  let isWanted = false

  const run: JobRunner['run'] = async ({ budgetMs = Number.POSITIVE_INFINITY } = {}) => {
    const endMs = core.clock.monotonic() + budgetMs
    while (!stopping.signal.aborted && core.clock.monotonic() < endMs) {
      const row = await claim(core, runner)
      if (!row) return
      const held = holdJob(core, { row, runner, pause, signal: stopping.signal, endMs })
      await runJob(core, works[row.kind], held)
    }
  }

  return {
    run,
    wake() {
      isWanted = true
      if (isActive || stopping.signal.aborted) return
      isActive = true
      core.background.run('run jobs', async () => {
        try {
          while (isWanted && !stopping.signal.aborted) {
            isWanted = false
            await run()
          }
        } finally {
          isActive = false
        }
      })
    },
    stop: () => stopping.abort(),
  }
}

async function claim(core: Core, runner: string): Promise<ClaimedJobRow | undefined> {
  const nowMs = core.clock.now()
  const lease = { nowMs, leaseUntilMs: nowMs + leaseMs }
  if ((await core.database.query(findClaimableJob, lease)).length === 0) return undefined
  const [result] = await core.database.batch([bind(claimJob, { ...lease, runner })])
  return result?.rows[0] as ClaimedJobRow | undefined
}

type HeldJob = ReturnType<typeof holdJob>

/** A job that this runner has: keeps the lease, the rate and the budget, and notices when it must end. */
function holdJob(
  core: Core,
  of: { row: ClaimedJobRow; runner: string; pause: Pause; signal: AbortSignal; endMs: number },
) {
  const { row, runner, pause, signal, endMs } = of
  const { clock, database } = core
  const params = JSON.parse(row.params) as JobParams
  const rate = createRate(clock, params.bytesPerSecond)
  let renewedMs = clock.monotonic()
  let lookedMs = renewedMs

  const judge = (found: { cancelRequested: number } | undefined) => {
    if (!found) throw new JobInterrupted('lost')
    if (found.cancelRequested) throw new JobInterrupted('cancelled')
  }
  const check = async () => {
    if (signal.aborted) throw new JobInterrupted('stopped')
    const nowMs = clock.monotonic()
    if (nowMs - renewedMs >= renewEveryMs) {
      const lease = { id: row.id, runner, leaseUntilMs: clock.now() + leaseMs }
      const [result] = await database.batch([bind(renewJob, lease)])
      renewedMs = lookedMs = nowMs
      judge(result?.rows[0] as { cancelRequested: number } | undefined)
    } else if (nowMs - lookedMs >= lookEveryMs) {
      lookedMs = nowMs
      judge((await database.query(findJob, { id: row.id }))[0])
    }
  }
  /** In pieces, so that nobody waits long for a job that is cancelled. */
  const rest = async (ms: number) => {
    for (let left = ms; left > 0; left -= lookEveryMs) {
      await pause(Math.min(left, lookEveryMs), signal)
      await check()
    }
  }
  const context: JobContext = {
    async moved(bytes) {
      await check()
      await rest(rate.owedMs(bytes))
    },
  }

  return {
    row,
    params,
    context,
    check,
    /** False, at once, where the budget ends before. */
    async restWithin(ms: number): Promise<boolean> {
      if (clock.monotonic() + ms >= endMs) return false
      await rest(ms)
      return true
    },
    owedMs: (bytes: number) => rate.owedMs(bytes),
    isOverBudget: () => clock.monotonic() >= endMs,
    judge: () => judge(row),
    async save(state: unknown): Promise<true> {
      const nowMs = clock.now()
      const lease = { nowMs, leaseUntilMs: nowMs + leaseMs }
      const stateJson = JSON.stringify(state)
      const [result] = await database.batch([bind(saveJob, { id: row.id, runner, stateJson, ...lease })])
      renewedMs = lookedMs = clock.monotonic()
      judge(result?.rows[0] as { cancelRequested: number } | undefined)
      return true
    },
    async release(): Promise<void> {
      await database.batch([bind(releaseJob, { id: row.id, runner })])
    },
    async finish(end: JobState, known: { state: unknown; error?: unknown }): Promise<true> {
      const stateJson = known.state === undefined ? null : JSON.stringify(known.state)
      const error = known.error === undefined ? null : JSON.stringify(known.error)
      const nowMs = clock.now()
      await database.batch([bind(finishJob, { id: row.id, runner, state: end, stateJson, error, nowMs })])
      return true
    },
  }
}

/** To its end, or as far as it may go. Rejects when the database is out of reach for what was done to be kept. */
async function runJob(
  core: Core,
  work: JobWork<JobParams, unknown> | undefined,
  job: HeldJob,
): Promise<void> {
  const { row, params, context } = job
  let state: unknown = row.stateJson === null ? undefined : (JSON.parse(row.stateJson) as unknown)
  try {
    job.judge()
    if (row.attempts > attemptsMax) throw new Error(`a step did not end in ${attemptsMax} attempts`)
    if (!work) throw new CuttyError('invalid_request', `This release knows no job “${row.kind}”.`)
    if (state === undefined) {
      state = await persist(job, () => work.begin(core, params))
      if (state === undefined) return await job.release()
      await persist(job, () => job.save(state))
    }
    for (;;) {
      await job.check()
      if (job.isOverBudget()) return await job.release()
      const before = state
      const step = await persist(job, () => work.step(core, params, before, context))
      if (!step) return await job.release()
      state = step.state
      const isKept = await persist(job, () => (step.done ? job.finish('done', { state }) : job.save(state)))
      if (!isKept) return await job.release()
      if (step.done) return
      // A slice that would only wait ends.
      if (!(await job.restWithin(job.owedMs(step.bytesMoved)))) return await job.release()
    }
  } catch (error) {
    await endEarly(core, job, { state, error })
  }
}

/** Tries again after outages; `undefined` when the budget does not allow for that. */
async function persist<T>(job: HeldJob, attempt: () => Promise<T>): Promise<T | undefined> {
  for (const pauseMs of outagePausesMs) {
    try {
      return await attempt()
    } catch (error) {
      if (!isOutage(error)) throw error
      if (!(await job.restWithin(pauseMs))) return undefined
    }
  }
  return attempt()
}

async function endEarly(core: Core, job: HeldJob, of: { state: unknown; error: unknown }): Promise<void> {
  const { state, error } = of
  if (error instanceof JobInterrupted) {
    if (error.reason === 'cancelled') await job.finish('cancelled', { state })
    if (error.reason === 'stopped') await job.release()
    return
  }
  core.observe({ type: 'failure', requestId: undefined, during: `job ${job.row.id}`, error })
  await job.finish('failed', { state, error: describe(error) })
}

/** As a reply would name it: of the inside, nothing. */
function describe(error: unknown): { code: ErrorCode; detail: string } {
  if (error instanceof CuttyError) return { code: error.code, detail: error.message }
  const code = isOutage(error)
    ? 'storage_unavailable'
    : error instanceof DatabaseError && error.kind === 'full'
      ? 'storage_full'
      : 'internal'
  return { code, detail: `${errorCodes[code]}.` }
}
