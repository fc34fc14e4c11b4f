import { z } from 'zod'
import { type Advice, adviceKinds } from '../../core/database-advice/advice.ts'
import { type AppliedAdvice, applyAdvice } from '../../core/database-advice/apply.ts'
import type { AppliedIndex, DurationsOf } from '../../core/database-advice/applied.ts'
import { type AdviceView, readAdvice } from '../../core/database-advice/read.ts'
import type { Inspection } from '../../core/ports/database-inspector.ts'
import type { StatementCosts } from '../../core/statement-stats/read.ts'
import { jsonReply } from '../json.ts'
import { problem } from '../openapi.ts'
import { defineRoute } from '../route.ts'
import { orNull, parseWindow, round, tag, windowField } from './database-fields.ts'
import { isoTime } from './schemas.ts'

const plan = z.array(z.string()).meta({ description: 'How the database runs it, a step each.' })
const bytes = z.int().nullable().meta({ description: 'Null where the database does not tell.' })
const rows = z.int().nullable().meta({ description: 'Null where the database does not tell.' })
const milliseconds = z.number().nullable()

const durationsShape = z.object({
  count: z.int(),
  p50Ms: milliseconds,
  p95Ms: milliseconds,
  p99Ms: milliseconds,
})

const adviceShape = z
  .object({
    id: z.string().meta({ description: 'The same for the same finding, later too.' }),
    kind: z.enum(Object.keys(adviceKinds) as [Advice['kind'], ...Advice['kind'][]]).meta({
      description: Object.entries(adviceKinds)
        .map(([kind, meaning]) => `\`${kind}\`: ${meaning}`)
        .join('; '),
    }),
    finding: z.string(),
    gain: z.string(),
    action: z.object({
      description: z.string(),
      sql: z.string().nullable().meta({ description: 'Where that is all of it.' }),
      appliable: z.boolean().meta({ description: 'By a call of `apply`. What is not is left to people.' }),
    }),
    statements: z.array(
      z.object({
        name: z.string(),
        count: z.int(),
        totalMs: z.number(),
        p50Ms: milliseconds,
        p95Ms: milliseconds,
        rowsRead: z.int(),
        plan,
        planAfter: plan
          .nullable()
          .meta({ description: 'On a copy with the proposed index; null without one.' }),
      }),
    ),
    measured: z.record(z.string(), z.number()).meta({ description: 'Numbers that it was concluded from.' }),
  })
  .meta({ id: 'DatabaseAdvice' })

const reportShape = z
  .object({
    windowSeconds: z.int(),
    from: z.iso.datetime().meta({ description: 'What was counted of statements is of since then.' }),
    spanSeconds: z.number(),
    lookedAt: z
      .object({
        statements: z.int(),
        run: z.int().meta({ description: 'Of these, those that were run in the window.' }),
        plans: z.int(),
        sizeBytes: bytes,
        logBytes: bytes,
        freeBytes: bytes,
        tables: z.array(z.object({ name: z.string(), rows, analyzedRows: rows, sizeBytes: bytes })),
        indexes: z.array(
          z.object({
            name: z.string(),
            table: z.string(),
            columns: z.array(z.string().nullable()).meta({ description: 'An expression is null.' }),
            sizeBytes: bytes,
          }),
        ),
        not: z.array(z.string()).meta({ description: 'What could not be looked at, a sentence each.' }),
      })
      .meta({ description: 'To advise nothing is an answer too: this is what it is about.' }),
    advice: z.array(adviceShape),
    applied: z
      .array(
        z.object({
          index: z.string(),
          statement: z.string(),
          at: z.iso.datetime(),
          before: durationsShape,
          after: durationsShape.nullable().meta({
            description:
              'Since the first whole hour after it, 30 days at most; null until then, or where it was not run.',
          }),
        }),
      )
      .meta({ description: 'Indexes that were made by advice, and what came of it.' }),
  })
  .meta({ id: 'DatabaseAdviceReport' })

const appliedShape = z
  .object({
    id: z.string(),
    sql: z.string().nullable(),
    durationMs: z.number().meta({ description: 'Of the change. Writes waited as long, reads did not.' }),
    changedPlans: z
      .array(z.object({ statement: z.string(), before: plan, after: plan, durationsBefore: durationsShape }))
      .meta({ description: 'Statements that are run in another way since then.' }),
  })
  .meta({ id: 'AppliedDatabaseAdvice' })

export const databaseAdviceRoutes = [
  defineRoute({
    method: 'GET',
    path: '/api/v1/database/advice',
    tag,
    summary: 'What would make the database faster or smaller',
    description:
      'For administrators. Concluded from plans of the statements that were really run and what they took, from indexes that nothing ' +
      'reads by, and from what the database knows of its tables. A missing index is tried on a copy of the schema first. Changes ' +
      'nothing. What there is to look at differs: `lookedAt.not` says what was left out. Looking reads the whole database once, ' +
      'beside all else that it does.',
    query: z.strictObject({ window: windowField('24h') }),
    responses: {
      200: { description: 'As it is now; without advice where there is nothing to do', schema: reportShape },
    },
    handle: async ({ core, caller, query }) => {
      const windowSeconds = parseWindow(query.window)
      const view = await readAdvice(core, caller, { windowSeconds })
      return jsonReply(200, describeReport(view, windowSeconds))
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/database/advice/{id}/apply',
    tag,
    summary: 'Do what an advice says',
    description:
      'For administrators. Counts tables for the planner, makes a proposed index, or drops one that was made so; all else is left to ' +
      'people: `conflict`. What is not advised now is not done: `not_found`. Answers when it is done. Writes wait meanwhile, ' +
      'reads do not.',
    query: z.strictObject({ window: windowField('24h') }),
    responses: {
      200: { description: 'Done, and what came of it', schema: appliedShape },
      404: problem('It is not advised now'),
      409: problem('It is left to people'),
    },
    handle: async ({ core, caller, query, params }) => {
      const id = params['id'] as string
      const applied = await applyAdvice(core, caller, { id, windowSeconds: parseWindow(query.window) })
      return jsonReply(200, describeApplied(applied))
    },
  }),
]

function describeReport(
  { fromMs, spanMs, lookedAt, advice, applied }: AdviceView,
  windowSeconds: number,
): z.infer<typeof reportShape> {
  const { inspection, not, ...counts } = lookedAt
  return {
    windowSeconds,
    from: isoTime(fromMs),
    spanSeconds: round(spanMs / 1000),
    lookedAt: { ...counts, ...describeInspection(inspection), not: [...not] },
    advice: advice.map(describeAdvice),
    applied: applied.map(describeIndex),
  }
}

function describeInspection({ sizeBytes, logBytes, freeBytes, tables, indexes }: Inspection) {
  return {
    sizeBytes: sizeBytes ?? null,
    logBytes: logBytes ?? null,
    freeBytes: freeBytes ?? null,
    tables: tables.map((table) => ({
      name: table.name,
      rows: table.rows ?? null,
      analyzedRows: table.analyzedRows ?? null,
      sizeBytes: table.sizeBytes ?? null,
    })),
    indexes: indexes
      .filter(({ isImplicit }) => !isImplicit)
      .map((index) => ({
        name: index.name,
        table: index.table,
        columns: [...index.columns],
        sizeBytes: index.sizeBytes ?? null,
      })),
  }
}

function describeAdvice({ action, statements, ...advice }: Advice): z.infer<typeof adviceShape> {
  const { id, kind, finding, gain, measured } = advice
  return {
    id,
    kind,
    finding,
    gain,
    action: {
      description: action.description,
      sql: action.text ?? null,
      appliable: action.change !== undefined,
    },
    statements: statements.map((each) => ({
      name: each.name,
      ...describeCosts(each.costs),
      plan: [...each.plan],
      planAfter: each.planAfter ? [...each.planAfter] : null,
    })),
    measured: { ...measured },
  }
}

function describeCosts(costs: StatementCosts | undefined) {
  return {
    count: costs?.runs ?? 0,
    totalMs: round(costs?.totalMs ?? 0),
    p50Ms: orNull(costs?.p50Ms),
    p95Ms: orNull(costs?.p95Ms),
    rowsRead: costs?.rowsRead ?? 0,
  }
}

function describeDurations({ runs, p50Ms, p95Ms, p99Ms }: DurationsOf): z.infer<typeof durationsShape> {
  return { count: runs, p50Ms: orNull(p50Ms), p95Ms: orNull(p95Ms), p99Ms: orNull(p99Ms) }
}

function describeIndex({ index, statement, appliedMs, before, after }: AppliedIndex) {
  return {
    index,
    statement,
    at: isoTime(appliedMs),
    before: describeDurations(before),
    after: after ? describeDurations(after) : null,
  }
}

function describeApplied({ advice, durationMs, changedPlans }: AppliedAdvice): z.infer<typeof appliedShape> {
  return {
    id: advice.id,
    sql: advice.action.text ?? null,
    durationMs: round(durationMs),
    changedPlans: changedPlans.map(({ statement, before, after, durations }) => ({
      statement,
      before: [...before],
      after: [...after],
      durationsBefore: describeDurations(durations),
    })),
  }
}
