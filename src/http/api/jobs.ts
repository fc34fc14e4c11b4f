import { z } from 'zod'
import type { JobKind } from '../../core/jobs/job.ts'
import { cancelJob, createJob, type JobView, readJob, readJobs } from '../../core/jobs/jobs.ts'
import { limits } from '../../core/limits.ts'
import { jsonReply } from '../json.ts'
import { defineRoute } from '../route.ts'
import { isoTime, shortPageLimit } from './schemas.ts'

const tag = 'Jobs'

const kind = z.enum(['compression_report', 'recompress', 'scrub'] satisfies JobKind[]).meta({
  description:
    '`recompress` stores files smaller, with the strongest compression; `scrub` reads everything that is stored and finds ' +
    'what is damaged (administrators only); `compression_report` says what compression would save.',
})

const scope = {
  bucket: z
    .string()
    .optional()
    .meta({ description: 'Left out: all of yours, or of all users for an administrator.' }),
  prefix: z.string().optional().meta({ description: 'Of the keys; goes with a bucket.' }),
  bytesPerSecond: z
    .int()
    .min(limits.jobBytesPerSecondMin)
    .optional()
    .meta({ description: 'Reads and writes no more than this. Left out: as fast as it goes.' }),
}

const usd = z.number().min(0).optional()

const prices = z
  .strictObject({ storageUsdPerGbMonth: usd, classAUsdPerMillion: usd, classBUsdPerMillion: usd })
  .optional()
  .meta({
    description:
      'Of a `compression_report`: what a GB (10^9 bytes) for a month, a million writes and a million reads cost. Left out: R2’s list prices.',
  })

const jobShape = z
  .object({
    id: z.string(),
    kind,
    state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
    ownerId: z.string().nullable().meta({ description: 'Null for what the service does by itself.' }),
    cancelRequested: z.boolean().meta({ description: 'It ends at its next step.' }),
    params: z.object(scope),
    progress: z.object({
      files: z.int(),
      bytes: z.int(),
      filesTotal: z.int().meta({ description: 'As counted when it began.' }),
      bytesTotal: z.int(),
    }),
    result: z.record(z.string(), z.unknown()).nullable().meta({
      description: 'What the kind of job has found; while it runs, so far. Null before it begins.',
    }),
    error: z
      .object({ code: z.string(), detail: z.string() })
      .nullable()
      .meta({ description: 'Of a job that failed: one of the error codes.' }),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Job' })

const optionalTime = (ms: number | null) => (ms === null ? null : isoTime(ms))

function describeJob(job: JobView): z.infer<typeof jobShape> {
  const { bucket, prefix, bytesPerSecond } = job.params
  return {
    id: job.id,
    kind: job.kind,
    state: job.state,
    ownerId: job.ownerId,
    cancelRequested: job.cancelRequested,
    params: {
      ...(bucket !== undefined && { bucket }),
      ...(prefix !== undefined && { prefix }),
      ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    },
    progress: { ...job.progress },
    result: job.result as Record<string, unknown> | null,
    error: job.error,
    createdAt: isoTime(job.createdAtMs),
    startedAt: optionalTime(job.startedAtMs),
    finishedAt: optionalTime(job.finishedAtMs),
  }
}

export const jobRoutes = [
  defineRoute({
    method: 'POST',
    path: '/api/v1/jobs',
    tag,
    summary: 'Begin a job',
    description:
      'It goes on in the background, and over restarts of the service. On a server it begins at once, where no other one is ' +
      'under way; on Workers with the next run of the schedule. Of what is over, 30 days are kept.',
    body: z.strictObject({ kind, ...scope, prices }),
    responses: { 202: { description: 'Queued', schema: jobShape } },
    handle: async ({ core, caller, body }) => {
      const job = await createJob(core, caller, body)
      return jsonReply(202, describeJob(job), { Location: `/api/v1/jobs/${job.id}` })
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/jobs',
    tag,
    summary: 'List jobs',
    description: 'Your own, the newest first; an administrator sees all.',
    query: z.strictObject({
      limit: shortPageLimit,
      cursor: z.string().optional().meta({ description: 'The `nextCursor` of the page before.' }),
    }),
    responses: {
      200: {
        description: 'A page of jobs',
        schema: z.object({ jobs: z.array(jobShape), nextCursor: z.string().nullable() }),
      },
    },
    handle: async ({ core, caller, query }) => {
      const { jobs, nextCursor } = await readJobs(core, caller, query)
      return jsonReply(200, { jobs: jobs.map(describeJob), nextCursor: nextCursor ?? null })
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/jobs/{id}',
    tag,
    summary: 'Get a job',
    responses: { 200: { description: 'The job', schema: jobShape } },
    handle: async ({ core, caller, params }) =>
      jsonReply(200, describeJob(await readJob(core, caller, params['id'] as string))),
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/jobs/{id}/cancel',
    tag,
    summary: 'Cancel a job',
    description:
      'One that waits is cancelled at once, one that runs soon; what it has done by then stays done. Of one that is over: ' +
      '`conflict`.',
    responses: { 202: { description: 'Will be cancelled, or is', schema: jobShape } },
    handle: async ({ core, caller, params }) =>
      jsonReply(202, describeJob(await cancelJob(core, caller, params['id'] as string))),
  }),
]
