import { type Command, defineCommand, parseDuration } from '../command.ts'
import { type Column, formatTable } from '../output.ts'

/** As the API describes them. */
interface Costs {
  readonly count: number
  readonly errors: number
  readonly perSecond: number | null
  readonly totalMs: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly cacheHits: number | null
  readonly cacheMisses: number | null
}

interface Statement extends Costs {
  readonly name: string
}

interface SlowStatement {
  readonly name: string
  readonly at: string
  readonly durationMs: number
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly plan: readonly string[] | null
}

interface Stats {
  readonly from: string
  readonly spanSeconds: number
  readonly complete: boolean
  readonly totals: Costs
  readonly statements: readonly Statement[]
  readonly slow: { readonly thresholdMs: number; readonly statements: readonly SlowStatement[] }
}

const orDash = (value: number | null, show: (value: number) => string = String) =>
  value === null ? '-' : show(value)

/** With three digits that count: 0.00412, 41.2, 41200. */
const digits = (value: number) =>
  value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))

const right = (title: string, text: Column['text']): Column => ({ title, align: 'right', text })

const columns: readonly Column[] = [
  right('TOTAL ms', ({ totalMs }: Statement) => digits(totalMs)),
  right('COUNT', ({ count }: Statement) => String(count)),
  right('PER s', ({ perSecond }: Statement) => orDash(perSecond, digits)),
  right('P50 ms', ({ p50Ms }: Statement) => orDash(p50Ms, digits)),
  right('P95 ms', ({ p95Ms }: Statement) => orDash(p95Ms, digits)),
  right('P99 ms', ({ p99Ms }: Statement) => orDash(p99Ms, digits)),
  right('READ', ({ rowsRead }: Statement) => String(rowsRead)),
  right('WRITTEN', ({ rowsWritten }: Statement) => String(rowsWritten)),
  right('HITS', ({ cacheHits }: Statement) => orDash(cacheHits)),
  right('MISSES', ({ cacheMisses }: Statement) => orDash(cacheMisses)),
  right('ERRORS', ({ errors }: Statement) => String(errors)),
  { title: 'STATEMENT', text: ({ name }: Statement) => name },
]

function describeStats({ from, spanSeconds, complete, totals, statements, slow }: Stats): string[] {
  if (statements.length === 0) return ['Nothing was counted.']
  const minutes = Math.max(1, Math.round(spanSeconds / 60))
  const span = minutes < 60 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`
  return [
    `Statements since ${from}, ${span}: ${totals.count} runs, of which ${totals.errors} failed.`,
    ...(complete ? [] : ['There was more than can be read at once: the oldest is left out.']),
    '',
    ...formatTable(columns, [...statements, { name: 'all', ...totals }]),
    '',
    ...describeSlow(slow),
  ]
}

function describeSlow({ thresholdMs, statements }: Stats['slow']): string[] {
  if (thresholdMs === 0) return ['No statement counts as slow.']
  if (statements.length === 0) return [`None took ${thresholdMs} ms.`]
  return [
    `The last that took ${thresholdMs} ms:`,
    ...statements.flatMap(({ name, at, durationMs, rowsRead, rowsWritten, plan }) => [
      `${at}  ${digits(durationMs)} ms  ${name}, ${rowsRead} rows read, ${rowsWritten} written`,
      ...(plan ?? []).map((step) => `    ${step}`),
    ]),
  ]
}

export const dbCommands: readonly Command[] = [
  defineCommand({
    name: 'db stats',
    summary: 'Show what statements of the database cost',
    description:
      'For administrators. By name: runs, percentiles of their durations, rows, what the query cache spared, errors; and the last ' +
      'slow ones with their plans. Rows read are those that came back on SQLite, and those that were looked at on D1. What is ' +
      'counted is kept by the hour for 30 days, so the hour in which the window begins counts wholly.',
    arguments: [],
    options: {
      window: {
        type: 'string',
        value: '<duration>',
        description: 'From `1h` to `30d`, counted back from now.',
        default: '1h',
        parse: (text: string) => {
          const seconds = parseDuration(text)
          if (seconds < 3600 || seconds > 30 * 86_400) throw new Error('must be from 1h to 30d')
          return seconds
        },
      },
      sort: {
        type: 'string',
        value: '<by>',
        description: 'What is most comes first.',
        choices: ['time', 'count', 'p99', 'rowsRead', 'errors'],
        default: 'time',
      },
    },
    examples: ['db stats', 'db stats --window 24h --sort p99', 'db stats --window 7d --json'],
    connects: true,
    json: true,
    run: async ({ options: { window, sort }, connect, output }) => {
      const stats = await connect().call<Stats>('GET', `/api/v1/database/stats?window=${window}&sort=${sort}`)
      output.report(stats, describeStats(stats))
    },
  }),
]
