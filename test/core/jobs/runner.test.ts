import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { anonymous, type Caller } from '../../../src/core/accounts/caller.ts'
import type { Core } from '../../../src/core/core.ts'
import { CuttyError } from '../../../src/core/errors.ts'
import { createBucket } from '../../../src/core/files/buckets.ts'
import type { JobParams, JobWork } from '../../../src/core/jobs/job.ts'
import { cancelJob, createJob, readJob, readJobs, releaseDeadJobs } from '../../../src/core/jobs/jobs.ts'
import { createJobRunner, leaseMs } from '../../../src/core/jobs/runner.ts'
import { DatabaseError } from '../../../src/core/ports/database.ts'
import { faultyDatabase } from '../../faults/database.ts'
import { createGate } from '../../faults/plan.ts'
import { bucket, noPause, openStage, type Stage } from './stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

/** Has what is shown of the kind that it stands in for. */
interface Count {
  readonly count: number
  readonly result: { readonly files: number; readonly bytes: number }
}

const counted = (count: number): Count => ({ count, result: { files: count, bytes: 0 } })

/** Counts to `end`, a step at a time; `onStep` is asked before each. */
function counting(
  end: number,
  onStep: (count: number) => Promise<void> | void = () => {},
): JobWork<JobParams, Count> {
  return {
    kind: 'recompress',
    begin: async () => counted(0),
    async step(_core, _params, { count }) {
      await onStep(count)
      return { state: counted(count + 1), done: count + 1 === end, bytesMoved: 1000 }
    },
    progress: ({ count }) => ({ files: count, bytes: 0, filesTotal: end, bytesTotal: 0 }),
    result: (_params, state) => state,
  }
}

/** Each in a millisecond of its own: ids of one have no order. */
const post = () => {
  stage.clock.advance(1)
  return createJob(stage.core, stage.admin, { kind: 'recompress' })
}
const runnerOf = (work: JobWork<JobParams, Count>, core: Core = stage.core, pause = noPause) =>
  createJobRunner(core, { pause, works: { recompress: work } })
const rowOf = (id: string) => {
  const [row] = stage.sqlite<{ state: string; known: string | null; lease: number; error: string }>(
    `SELECT state, state_json AS known, lease_until_ms AS lease, error FROM jobs WHERE id = ?`,
    id,
  )
  return row && { ...row, count: row.known === null ? undefined : (JSON.parse(row.known) as Count).count }
}

describe('a runner', () => {
  test('does jobs in the order in which they came, each to its end', async () => {
    const ids = [await post(), await post(), await post()].map(({ id }) => id)
    const seen: string[] = []
    const work = counting(3)
    await runnerOf({
      ...work,
      begin: async () => {
        seen.push(ids.find((id) => rowOf(id)?.state === 'running') as string)
        return counted(0)
      },
    }).run()
    expect(seen).toEqual(ids)
    for (const id of ids) expect(rowOf(id)).toMatchObject({ state: 'done', count: 3, lease: 0 })
  })

  test('goes on where another left off that died between two steps', async () => {
    const { id } = await post()
    const died = createGate()
    const first = runnerOf(counting(5, (count) => (count === 3 ? died.pass() : undefined))).run()
    await died.reached()
    // Nobody else may, until its lease is over.
    const counts: number[] = []
    const second = runnerOf(counting(5, (count) => void counts.push(count)))
    await second.run()
    expect(counts).toEqual([])
    stage.clock.advance(leaseMs + 1)
    await second.run()
    expect(counts).toEqual([3, 4])
    expect(rowOf(id)).toMatchObject({ state: 'done', count: 5 })
    // The first was not dead after all: what it did last is not kept.
    died.open()
    await first
    expect(rowOf(id)).toMatchObject({ state: 'done', count: 5 })
  })

  test('at the start of a process that has all for itself need not wait for a lease', async () => {
    const { id } = await post()
    const died = createGate()
    const dead = runnerOf(counting(2, () => died.pass())).run()
    await died.reached()
    await releaseDeadJobs(stage.core)
    await runnerOf(counting(2)).run()
    expect(rowOf(id)?.state).toBe('done')
    died.open()
    await dead
  })

  test('is held up by no lease of a clock that went back', async () => {
    const { id } = await post()
    stage.sqlite(`UPDATE jobs SET state = 'running', lease_until_ms = 9e15`)
    await runnerOf(counting(1)).run()
    expect(rowOf(id)?.state).toBe('done')
  })

  test('shares jobs with others, and no job is done twice', async () => {
    for (let index = 0; index < 12; index++) await post()
    let steps = 0
    const work = counting(3, () => void (steps += 1))
    await Promise.all(Array.from({ length: 4 }, () => runnerOf(work).run()))
    expect(steps).toBe(36)
    expect(stage.sqlite(`SELECT DISTINCT state FROM jobs`)).toEqual([{ state: 'done' }])
  })

  test('cancels a job that waits at once, and one that runs after its step', async () => {
    const { core, admin } = stage
    const waiting = await post()
    expect(await cancelJob(core, admin, waiting.id)).toMatchObject({ state: 'cancelled', startedAtMs: null })
    await expect(cancelJob(core, admin, waiting.id)).rejects.toMatchObject({ code: 'conflict' })

    const { id } = await post()
    await runnerOf(
      counting(9, async (count) => {
        if (count === 1) await cancelJob(core, admin, id)
      }),
    ).run()
    expect(await readJob(core, admin, id)).toMatchObject({ state: 'cancelled', cancelRequested: true })
    expect(rowOf(id)?.count).toBe(2)
    expect(rowOf(waiting.id)).toMatchObject({ state: 'cancelled', count: undefined })
  })

  test('cancels in the midst of a long step', async () => {
    const { core, admin } = stage
    const { id } = await post()
    let monotonicMs = 0
    let pieces = 0
    const clock = { ...stage.clock, monotonic: () => monotonicMs }
    const work: JobWork<JobParams, Count> = {
      ...counting(1),
      async step(_core, _params, _state, context) {
        for (;;) {
          if (++pieces === 5) await cancelJob(core, admin, id)
          monotonicMs += 1000
          await context.moved(1)
        }
      },
    }
    await runnerOf(work, { ...core, clock }).run()
    expect(rowOf(id)?.state).toBe('cancelled')
    expect(pieces).toBeLessThan(8)
  })

  test('moves no more than the rate, and keeps the job while it rests', async () => {
    const { core, admin } = stage
    await createJob(core, admin, { kind: 'recompress', bytesPerSecond: 65_536 })
    let monotonicMs = 0
    const clock = { ...stage.clock, monotonic: () => monotonicMs }
    const pause = async (ms: number) => {
      monotonicMs += ms
      stage.clock.advance(ms)
      // Somebody else looks for work meanwhile.
      await runnerOf(counting(1, () => expect.unreachable())).run()
    }
    const work: JobWork<JobParams, Count> = {
      ...counting(1),
      async step(_core, _params, _state, context) {
        for (let piece = 0; piece < 10; piece++) await context.moved(1024 * 1024)
        return { state: counted(1), done: true, bytesMoved: 0 }
      },
    }
    await runnerOf(work, { ...core, clock }, pause).run()
    expect(monotonicMs).toBeGreaterThanOrEqual(160_000 - 100)
    expect(monotonicMs).toBeLessThan(165_000)
    expect(stage.sqlite(`SELECT state FROM jobs`)).toEqual([{ state: 'done' }])
  })

  test('leaves a job resumable when its time is up, or it is stopped', async () => {
    const { core } = stage
    const { id } = await post()
    let monotonicMs = 0
    const clock = { ...stage.clock, monotonic: () => monotonicMs }
    const work = counting(5, () => void (monotonicMs += 400))
    await runnerOf(work, { ...core, clock }).run({ budgetMs: 1000 })
    expect(rowOf(id)).toMatchObject({ state: 'running', count: 3, lease: 0 })
    const stopped = runnerOf(counting(5, () => stopped.stop()))
    await stopped.run()
    expect(rowOf(id)).toMatchObject({ state: 'running', count: 4, lease: 0 })
    await stopped.run()
    expect(rowOf(id)?.count).toBe(4)
    await runnerOf(counting(5)).run()
    expect(rowOf(id)).toMatchObject({ state: 'done', count: 5 })
  })

  test('fails a job that fails, with nothing of the inside, and goes on with the next', async () => {
    const [bad, good] = [await post(), await post()]
    let first = true
    await runnerOf(
      counting(2, (count) => {
        if (count === 0 || !first) return
        first = false
        throw new Error('SQL logic error in line 5')
      }),
    ).run()
    const { core, admin } = stage
    expect(await readJob(core, admin, bad.id)).toMatchObject({
      state: 'failed',
      error: { code: 'internal', detail: 'Internal error.' },
    })
    expect(rowOf(bad.id)?.count).toBe(1)
    expect(rowOf(good.id)?.state).toBe('done')
    expect(stage.events).toContainEqual(expect.objectContaining({ type: 'failure', during: `job ${bad.id}` }))
  })

  test('waits for outages, longer each time, and gives up at some time', async () => {
    const { id } = await post()
    const pauses: number[] = []
    const pause = async (ms: number) => void pauses.push(ms)
    let failures = 0
    const outage = () => {
      failures += 1
      if (failures <= 3) throw new CuttyError('storage_unavailable')
    }
    await runnerOf(counting(1, outage), stage.core, pause).run()
    expect(rowOf(id)?.state).toBe('done')
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBe(8000)

    const next = await post()
    const gone = () => {
      throw new DatabaseError('unavailable', 'gone')
    }
    await runnerOf(counting(1, gone)).run()
    expect(rowOf(next.id)).toMatchObject({ state: 'failed' })
    expect(rowOf(next.id)?.error).toContain('storage_unavailable')
  })

  test('gives up a step that takes its process down each time', async () => {
    const { id } = await post()
    stage.sqlite(`UPDATE jobs SET state = 'running', attempts = 5`)
    await runnerOf(counting(1, () => expect.unreachable())).run()
    expect(rowOf(id)).toMatchObject({ state: 'failed' })
  })

  test('that is woken while it works does what came since', async () => {
    const first = await post()
    let second: string | undefined
    const runner = runnerOf(
      counting(1, async () => {
        second ??= (await post()).id
        runner.wake()
      }),
    )
    runner.wake()
    runner.wake()
    await stage.settled()
    expect(rowOf(first.id)?.state).toBe('done')
    expect(rowOf(second as string)?.state).toBe('done')
  })

  test('writes nothing while there is nothing to do', async () => {
    const database = faultyDatabase(stage.core.database, async (step) => {
      expect(step).toBe('query')
    })
    await runnerOf(counting(1), { ...stage.core, database }).run()
  })
})

describe('jobs', () => {
  test('are their owner’s and an administrator’s, over what is theirs', async () => {
    const { core, admin } = stage
    stage.sqlite(
      `INSERT INTO users (id, name, email, role, created_at_ms) VALUES ('u1', 'U', 'u@x', 'user', 0)`,
    )
    const user: Caller = { role: 'user', userId: 'u1' }
    await createBucket(core, user, { name: 'users', visibility: 'private' })
    const own = await createJob(core, user, { kind: 'recompress', bucket: 'users', prefix: 'a/' })
    expect(own).toMatchObject({ ownerId: 'u1', state: 'queued', result: null })
    stage.clock.advance(1)
    const others = await createJob(core, admin, { kind: 'scrub' })
    const codeOf = (promise: Promise<unknown>) =>
      promise.then(
        () => undefined,
        (error: unknown) => (error as CuttyError).code,
      )
    expect(await codeOf(readJob(core, user, others.id))).toBe('job_not_found')
    expect(await codeOf(cancelJob(core, user, others.id))).toBe('job_not_found')
    expect(await codeOf(createJob(core, user, { kind: 'scrub' }))).toBe('access_denied')
    expect(await codeOf(createJob(core, user, { kind: 'recompress', bucket }))).toBe('access_denied')
    expect(await codeOf(createJob(core, user, { kind: 'recompress', bucket: 'none' }))).toBe(
      'bucket_not_found',
    )
    expect(await codeOf(createJob(core, user, { kind: 'recompress', prefix: 'a' }))).toBe('invalid_request')
    expect(await codeOf(createJob(core, anonymous, { kind: 'recompress' }))).toBe('unauthenticated')
    expect((await readJobs(core, user, { limit: 10 })).jobs.map(({ id }) => id)).toEqual([own.id])
    const page = await readJobs(core, admin, { limit: 1 })
    expect(page.jobs.map(({ id }) => id)).toEqual([others.id])
    const rest = await readJobs(core, admin, { limit: 1, cursor: page.nextCursor })
    expect(rest).toMatchObject({ jobs: [{ id: own.id }], nextCursor: undefined })
  })
})
