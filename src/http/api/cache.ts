import { z } from 'zod'
import { clearCaches, type ClearedCaches } from '../../core/cache-administration/clearing.ts'
import { invalidate, type Selection } from '../../core/cache-administration/invalidation.ts'
import { type CacheStatsView, readCacheStats } from '../../core/cache-administration/stats.ts'
import { warmCache } from '../../core/cache-administration/warming.ts'
import { limits } from '../../core/limits.ts'
import { jsonReply } from '../json.ts'
import { problem } from '../openapi.ts'
import { defineRoute } from '../route.ts'

const tag = 'Cache'

const forAdministrators = 'For administrators. '

const scope = z.enum(['process', 'isolate']).meta({
  description:
    'Whose memory this is about: a server is one `process`, and has no other; of a Worker’s isolates, the one that answered.',
})
const hitRate = z.number().min(0).max(1).nullable().meta({ description: 'Null where nothing was read.' })
const unknown = 'Null where the tier does not know.'

const tierShape = z.object({
  name: z.string().meta({ description: 'From the nearest down: `memory` comes first.' }),
  hits: z.int(),
  misses: z.int().meta({ description: 'Without those that failed or were skipped.' }),
  hitRate,
  sets: z.int(),
  errors: z.int().meta({ description: 'Calls that failed, or were not answered in time.' }),
  skipped: z.int().meta({ description: 'Calls that were not made, since too many before had failed.' }),
  bytesIn: z.int(),
  bytesOut: z.int(),
  ageSecondsMean: z
    .number()
    .nullable()
    .meta({ description: 'Of what was hit, since the source gave it; null without hits.' }),
  ageSecondsMax: z.number().nullable(),
  evictions: z.int().nullable().meta({ description: unknown }),
  entries: z
    .int()
    .nullable()
    .meta({ description: `Now. ${unknown}` }),
  bytes: z
    .int()
    .nullable()
    .meta({ description: `Now. ${unknown}` }),
})

const statsShape = z
  .object({
    scope,
    windowSeconds: z.int(),
    spanSeconds: z.number().meta({
      description:
        'What `bytes` counts: whole minutes, the present one included; less where the process is younger.',
    }),
    bytes: z
      .object({
        reads: z.int(),
        hits: z.int().meta({ description: 'In any tier.' }),
        loads: z.int().meta({ description: 'From the source.' }),
        collapsed: z.int().meta({ description: 'Waited for another read of the same.' }),
        failed: z.int(),
        hitRate,
        tiers: z.array(tierShape),
      })
      .meta({ description: 'Of files, in the window.' }),
    rows: z
      .object({
        entries: z.int(),
        bytes: z.int(),
        bytesMax: z.int(),
        evictions: z.int(),
        statements: z.array(
          z.object({
            name: z.string(),
            hits: z.int(),
            stale: z.int().meta({ description: 'Hits that were no longer fresh.' }),
            misses: z.int(),
            staleIfError: z.int().meta({
              description: 'Misses that were answered all the same: the database could not be reached.',
            }),
            hitRate,
          }),
        ),
      })
      .meta({ description: 'Of the database, in memory, since the process began.' }),
  })
  .meta({ id: 'CacheStats' })

const count = z.int()

const invalidateBody = z
  .strictObject({
    bucket: z.string(),
    key: z.string().optional().meta({ description: 'One file.' }),
    prefix: z
      .string()
      .optional()
      .meta({ description: 'Files whose keys begin so; all, with an empty text.' }),
    tag: z
      .strictObject({
        name: z.string().min(1).max(limits.tagKeyCharsMax),
        value: z.string().max(limits.tagValueCharsMax),
      })
      .optional()
      .meta({ description: 'Files that have this tag.' }),
    after: z.string().optional().meta({ description: 'The `next` of the answer before.' }),
  })
  .refine(
    ({ key, prefix, tag }) => [key, prefix, tag].filter((each) => each !== undefined).length === 1,
    'name one of key, prefix and tag',
  )

const invalidatedShape = z
  .object({
    scope,
    files: count.meta({ description: 'Files that are there and were meant.' }),
    rows: count.meta({ description: 'Names that were in memory.' }),
    entries: count.meta({
      description: 'Keys that every tier was told to forget, whether it had anything under them or not.',
    }),
    next: z.string().nullable().meta({
      description: 'One call does a bounded part: where this is not null, call again with it as `after`.',
    }),
  })
  .meta({ id: 'CacheInvalidation' })

const clearedShape = z
  .object({
    scope,
    rows: count.meta({ description: 'Rows of the database that were in memory.' }),
    tiers: z.array(
      z.object({
        name: z.string(),
        entriesBefore: z.int().nullable(),
        entries: z.int().nullable().meta({
          description:
            'Now. Null: the tier cannot be emptied, but what it had is not read any more by whom `scope` names.',
        }),
      }),
    ),
  })
  .meta({ id: 'CacheClearing' })

const warmedShape = z
  .object({
    scope,
    files: count.meta({ description: 'As asked for.' }),
    known: count.meta({ description: 'Files of which reads are known: those below are this many together.' }),
    loaded: count,
    alreadyCached: count,
    missing: count.meta({ description: 'Deleted since they were read.' }),
    failed: count.meta({ description: 'The log says why.' }),
    notReached: count.meta({ description: 'Time was over before: call again.' }),
    bytes: count.meta({ description: 'Brought into memory.' }),
    durationMs: z.number(),
  })
  .meta({ id: 'CacheWarming' })

export const cacheRoutes = [
  defineRoute({
    method: 'GET',
    path: '/api/v1/cache/stats',
    tag,
    summary: 'What the caches do',
    description: `${forAdministrators}Requests, and each tier, over a window; what is kept now.`,
    query: z.strictObject({
      window: z.coerce
        .number()
        .int()
        .min(60)
        .max(3600)
        .default(3600)
        .meta({ description: 'Seconds, counted back from now.' }),
    }),
    responses: { 200: { description: 'As it is now', schema: statsShape } },
    handle: ({ core, caller, query }) => {
      const view = readCacheStats(core, caller, { windowSeconds: query.window })
      return jsonReply(200, describeStats(view, query.window))
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/cache/invalidate',
    tag,
    summary: 'Forget what is cached of some files',
    description:
      `${forAdministrators}Nobody needs this for correctness: a write makes what it changes stale by itself, and bytes never ` +
      'change. Names go from memory, bytes from every tier, also those of files that exist no more.',
    body: invalidateBody,
    responses: {
      200: { description: 'What was forgotten', schema: invalidatedShape },
      404: problem('No such bucket; what memory had of it is forgotten'),
    },
    handle: async ({ core, caller, body }) => {
      const { bucket, after, key, prefix, tag } = body
      // The schema lets one of them through.
      const what = (key !== undefined ? { key } : tag ? { tag } : { prefix }) as Selection
      const { next = null, ...done } = await invalidate(core, caller, { bucket, what, after })
      return jsonReply(200, { ...done, next })
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/cache/clear',
    tag,
    summary: 'Empty the caches',
    description: `${forAdministrators}Rows and bytes, in every tier that can be emptied.`,
    responses: { 200: { description: 'What there was, and is', schema: clearedShape } },
    handle: async ({ core, caller }) => jsonReply(200, describeCleared(await clearCaches(core, caller))),
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/cache/warm',
    tag,
    summary: 'Load the files that are read most',
    description:
      `${forAdministrators}Reads them as a GET would. What is read most is known over restarts; counts halve every day. ` +
      'Ends after some 20 seconds.',
    body: z
      .strictObject({
        files: z.int().min(1).max(1000).default(100).meta({ description: 'How many.' }),
      })
      .prefault({}),
    responses: { 200: { description: 'What was loaded', schema: warmedShape } },
    handle: async ({ core, caller, body }) => {
      const { durationMs, ...done } = await warmCache(core, caller, body)
      return jsonReply(200, { ...done, durationMs: round(durationMs, 2) })
    },
  }),
]

function describeStats(view: CacheStatsView, windowSeconds: number): z.infer<typeof statsShape> {
  const { reads, hitRate, tiers } = view.bytes
  const { hit, load, collapsed, failed } = reads
  const rate = (value: number | null) => (value === null ? null : round(value, 4))
  return {
    scope: view.scope,
    windowSeconds,
    spanSeconds: round(view.spanMs / 1000, 3),
    bytes: {
      reads: hit + load + collapsed + failed,
      hits: hit,
      loads: load,
      collapsed,
      failed,
      hitRate: rate(hitRate),
      tiers: tiers.map(({ ageMsMean, ageMsMax, evictions, entries, bytes, ...tier }) => ({
        ...tier,
        hitRate: rate(tier.hitRate),
        ageSecondsMean: seconds(ageMsMean),
        ageSecondsMax: seconds(ageMsMax),
        evictions: evictions ?? null,
        entries: entries ?? null,
        bytes: bytes ?? null,
      })),
    },
    rows: {
      ...view.rows,
      statements: view.rows.statements.map((each) => ({ ...each, hitRate: rate(each.hitRate) })),
    },
  }
}

function describeCleared({ tiers, ...rest }: ClearedCaches): z.infer<typeof clearedShape> {
  return {
    ...rest,
    tiers: tiers.map(({ name, entriesBefore = null, entries = null }) => ({ name, entriesBefore, entries })),
  }
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : round(ms / 1000, 3)
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
