import { type Command, defineCommand, parseDuration } from '../command.ts'
import { formatBytes, formatTime } from '../output.ts'

/** As the API describes them. */
interface Durations {
  readonly count: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
}

interface Report {
  readonly spanSeconds: number
  readonly lookedAt: {
    readonly statements: number
    readonly run: number
    readonly plans: number
    readonly sizeBytes: number | null
    readonly logBytes: number | null
    readonly freeBytes: number | null
    readonly tables: readonly { readonly name: string }[]
    readonly indexes: readonly { readonly name: string }[]
    readonly not: readonly string[]
  }
  readonly advice: readonly Advice[]
  readonly applied: readonly {
    readonly index: string
    readonly statement: string
    readonly at: string
    readonly before: Durations
    readonly after: Durations | null
  }[]
}

interface Advice {
  readonly id: string
  readonly finding: string
  readonly gain: string
  readonly action: { readonly description: string; readonly sql: string | null; readonly appliable: boolean }
  readonly statements: readonly (Durations & {
    readonly name: string
    readonly totalMs: number
    readonly plan: readonly string[]
    readonly planAfter: readonly string[] | null
  })[]
}

interface Applied {
  readonly id: string
  readonly sql: string | null
  readonly durationMs: number
  readonly changedPlans: readonly {
    readonly statement: string
    readonly before: readonly string[]
    readonly after: readonly string[]
    readonly durationsBefore: Durations
  }[]
}

const milliseconds = (value: number | null) => (value === null ? '-' : `${Number(value.toPrecision(3))} ms`)
const indent = (lines: readonly string[], by: string) => lines.map((line) => `${by}${line}`)

function describeDurations({ count, p50Ms, p95Ms }: Durations): string {
  return `${count} runs, p50 ${milliseconds(p50Ms)}, p95 ${milliseconds(p95Ms)}`
}

function describeReport({ spanSeconds, lookedAt, advice, applied }: Report): string[] {
  const { statements, run, plans, tables, indexes, not } = lookedAt
  const sizes = (
    [
      ['database', lookedAt.sizeBytes],
      ['free', lookedAt.freeBytes],
      ['log', lookedAt.logBytes],
    ] as const
  ).flatMap(([name, bytes]) => (bytes === null ? [] : [`${name} ${formatBytes(bytes)}`]))
  return [
    ...(advice.length === 0 ? ['Nothing to do.', ''] : advice.flatMap(describeAdvice)),
    ...applied.flatMap(({ index, statement, at, before, after }) => [
      `Made by advice at ${formatTime(at)}: ${index}, for ${statement}`,
      `  before  ${describeDurations(before)}`,
      `  since   ${after ? describeDurations(after) : 'not known yet'}`,
      '',
    ]),
    `Looked at ${plans} plans of ${statements} statements, of which ${run} were run in ${(spanSeconds / 3600).toFixed(1)} h; ` +
      `${tables.length} tables, ${indexes.length} indexes${sizes.length > 0 ? `; ${sizes.join(', ')}` : ''}.`,
    ...not.map((sentence) => `Not looked at: ${sentence}`),
  ]
}

function describeAdvice({ id, finding, gain, action, statements }: Advice): string[] {
  return [
    id,
    `  ${finding}`,
    ...statements.flatMap((each) => [
      `  ${each.name}: ${describeDurations(each)}, ${milliseconds(each.totalMs)} in all`,
      ...indent(each.plan, '    '),
      ...(each.planAfter ? ['   with it', ...indent(each.planAfter, '    ')] : []),
    ]),
    `  ${action.description}`,
    ...(action.sql === null ? [] : [`    ${action.sql}`]),
    `  Gain: ${gain}`,
    ...(action.appliable ? [`  cutty db advise --apply ${id}`] : []),
    '',
  ]
}

function describeApplied({ id, sql, durationMs, changedPlans }: Applied): string[] {
  return [
    `${id}: done in ${milliseconds(durationMs)}.`,
    ...(sql === null ? [] : [`  ${sql}`]),
    ...(changedPlans.length === 0 ? ['No statement is run in another way.'] : []),
    ...changedPlans.flatMap(({ statement, before, after, durationsBefore }) => [
      `${statement} (until now: ${describeDurations(durationsBefore)})`,
      '  before',
      ...indent(before, '    '),
      '  now',
      ...indent(after, '    '),
    ]),
  ]
}

export const dbAdviseCommands: readonly Command[] = [
  defineCommand({
    name: 'db advise',
    summary: 'Say what would make the database faster or smaller, or do it',
    description:
      'For administrators. Full scans and sorts of statements that were really run, with an index against them that was tried on a ' +
      'copy of the schema; indexes that nothing reads by; what the planner has to be told anew; free space. With `--apply` it does ' +
      'what one advice says, where that is safe, and shows what came of it. Writes wait meanwhile, reads do not.',
    arguments: [],
    options: {
      window: {
        type: 'string',
        value: '<duration>',
        description: 'Statements that were run in it, counted back from now: from `1h` to `30d`.',
        default: '24h',
        parse: (text: string) => {
          const seconds = parseDuration(text)
          if (seconds < 3600 || seconds > 30 * 86_400) throw new Error('must be from 1h to 30d')
          return seconds
        },
      },
      apply: { type: 'string', value: '<id>', description: 'Do this one.' },
    },
    examples: ['db advise', 'db advise --window 7d --json', 'db advise --apply statistics_due'],
    connects: true,
    json: true,
    run: async ({ options: { window, apply }, connect, output }) => {
      const path = '/api/v1/database/advice'
      if (apply === undefined) {
        const report = await connect().call<Report>('GET', `${path}?window=${window}`)
        output.report(report, describeReport(report))
      } else {
        const id = encodeURIComponent(apply)
        const applied = await connect().call<Applied>('POST', `${path}/${id}/apply?window=${window}`)
        output.report(applied, describeApplied(applied))
      }
    },
  }),
]
