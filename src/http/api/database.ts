import { z } from 'zod'
import {
  readStatementStats,
  type StatementCosts,
  type StatementStatsView,
} from '../../core/statement-stats/read.ts'
import { jsonReply } from '../json.ts'
import { defineRoute } from '../route.ts'
import { databaseAdviceRoutes } from './database-advice.ts'
import { orNull, parseWindow, round, tag, windowField } from './database-fields.ts'
import { isoTime } from './schemas.ts'

const milliseconds = z.number().nullable().meta({
  description: 'Within 2 % of the exact one; null where nothing was run. Those that failed are left out.',
})

const costs = {
  count: z
    .int()
    .meta({ description: 'Runs, also those that failed. Not those that the query cache spared.' }),
  errors: z.int().meta({
    description: 'Runs that failed, also where a guard did what it is for, such as a condition of a request.',
  }),
  perSecond: z.number().nullable(),
  totalMs: z.number(),
  p50Ms: milliseconds,
  p95Ms: milliseconds,
  p99Ms: milliseconds,
  rowsRead: z.int().meta({
    description: 'On D1 rows that were looked at, which is what it bills; on SQLite rows that came back.',
  }),
  rowsWritten: z.int().meta({ description: 'On D1 with those of indexes.' }),
  cacheHits: z.int().nullable().meta({
    description: 'Runs that the query cache spared; null where it was not asked.',
  }),
  cacheMisses: z.int().nullable(),
}

const statsShape = z
  .object({
    windowSeconds: z.int(),
    from: z.iso.datetime().meta({
      description:
        'What is shown is of since then: of the hour in which the window begins, or later where nothing was counted before.',
    }),
    spanSeconds: z.number().meta({ description: 'From then to now.' }),
    complete: z.boolean().meta({
      description: 'False where there was more than can be read at once: then the oldest is left out.',
    }),
    totals: z.object(costs),
    statements: z
      .array(z.object({ name: z.string(), ...costs }))
      .meta({ description: 'Those that were run, or spared.' }),
    slow: z
      .object({
        thresholdMs: z.int().meta({ description: 'What takes as long is slow; 0: nothing is.' }),
        statements: z
          .array(
            z.object({
              name: z.string(),
              at: z.iso.datetime(),
              durationMs: z.number(),
              rowsRead: z.int(),
              rowsWritten: z.int(),
              plan: z.array(z.string()).nullable().meta({
                description: 'How the database runs it, a step each; null where it did not say, or not yet.',
              }),
            }),
          )
          .meta({ description: 'The newest first; at most 100, and 10 of one statement.' }),
      })
      .meta({ description: 'The last ones, of the process that answers, whatever the window is.' }),
  })
  .meta({ id: 'DatabaseStats' })

const sorts = {
  time: ({ totalMs }: StatementCosts) => totalMs,
  count: ({ runs }: StatementCosts) => runs,
  p99: ({ p99Ms }: StatementCosts) => p99Ms ?? -1,
  rowsRead: ({ rowsRead }: StatementCosts) => rowsRead,
  errors: ({ errors }: StatementCosts) => errors,
} as const
type Sort = keyof typeof sorts

export const databaseRoutes = [
  defineRoute({
    method: 'GET',
    path: '/api/v1/database/stats',
    tag,
    summary: 'What statements of the database cost',
    description:
      'For administrators. By the statement’s name, of all processes together, with the last slow ones and how the database runs ' +
      'them. Parameters are never kept. Other processes are some minutes behind.',
    query: z.strictObject({
      window: windowField('1h'),
      sort: z
        .enum(Object.keys(sorts) as [Sort, ...Sort[]])
        .default('time')
        .meta({ description: 'The most comes first; `time` is all of a statement’s runs together.' }),
    }),
    responses: { 200: { description: 'As it is now', schema: statsShape } },
    handle: async ({ core, caller, query }) => {
      const windowSeconds = parseWindow(query.window)
      const view = await readStatementStats(core, caller, { windowSeconds })
      return jsonReply(200, describe(view, { windowSeconds, sort: query.sort }))
    },
  }),
  ...databaseAdviceRoutes,
]

function describe(
  view: StatementStatsView,
  { windowSeconds, sort }: { windowSeconds: number; sort: Sort },
): z.infer<typeof statsShape> {
  const { fromMs, spanMs, isComplete, totals, statements, slow } = view
  const most = sorts[sort]
  return {
    windowSeconds,
    from: isoTime(fromMs),
    spanSeconds: round(spanMs / 1000),
    complete: isComplete,
    totals: describeCosts(totals),
    statements: statements
      .toSorted((a, b) => most(b) - most(a))
      .map(({ name, ...costs }) => ({ name, ...describeCosts(costs) })),
    slow: {
      thresholdMs: slow.thresholdMs,
      statements: slow.entries.map(({ statement, endedMs, durationMs, plan, ...rows }) => ({
        name: statement,
        at: isoTime(endedMs),
        durationMs: round(durationMs),
        ...rows,
        plan: plan ? [...plan] : null,
      })),
    },
  }
}

function describeCosts({ runs, perSecond, cacheHits, cacheMisses, ...costs }: StatementCosts) {
  const { errors, totalMs, p50Ms, p95Ms, p99Ms, rowsRead, rowsWritten } = costs
  return {
    count: runs,
    errors,
    perSecond: orNull(perSecond),
    totalMs: round(totalMs),
    p50Ms: orNull(p50Ms),
    p95Ms: orNull(p95Ms),
    p99Ms: orNull(p99Ms),
    rowsRead,
    rowsWritten,
    cacheHits: cacheHits ?? null,
    cacheMisses: cacheMisses ?? null,
  }
}
