import {
  advisedPrefix,
  type DatabaseInspector,
  type InspectedTable,
  type Inspection,
} from '../ports/database-inspector.ts'
import type { Statement } from '../ports/database.ts'
import type { StatementCosts } from '../statement-stats/read.ts'
import type { Advice } from './advice.ts'
import { usesIndex } from './plan.ts'
import { rowsWorthAnIndex } from './scans.ts'

interface Options {
  readonly inspection: Inspection
  readonly statements: readonly Statement[]
  readonly costs: ReadonlyMap<string, StatementCosts>
}

/** Indexes that neither a plan of now reads by, nor one of a database of which nothing is known. Needs the plans of all statements. */
export function adviseOnIndexes(inspector: DatabaseInspector, options: Options): Advice[] {
  const { inspection, statements, costs } = options
  const plans = [...inspection.plans.values(), ...(inspection.plansWithoutStatistics?.values() ?? [])]
  return inspection.indexes
    .filter(
      ({ name, isImplicit, isUnique }) =>
        !isImplicit && !isUnique && !plans.some((plan) => usesIndex(plan, name)),
    )
    .map(({ name, table, columns, sizeBytes }): Advice => {
      const writers = statements.filter(({ writes }) => writes.includes(table))
      const run = writers.filter((each) => (costs.get(each.name)?.runs ?? 0) > 0)
      const writes = run.reduce((sum, each) => sum + (costs.get(each.name)?.rowsWritten ?? 0), 0)
      const isAdvised = name.startsWith(advisedPrefix) && inspector.dropIndex !== undefined
      const size = sizeBytes === undefined ? '' : `, ${sizeBytes} bytes`
      return {
        id: `unused_index.${name}`,
        kind: 'unused_index',
        finding: `No statement reads by ${name} on ${table} (${columns.map((each) => each ?? '…').join(', ')})${size}.`,
        gain: `Writes to ${table} have an index less to maintain: ${writes} rows in the time looked at.`,
        action: {
          description: isAdvised
            ? `Drop the index ${name}.`
            : `Drop the index ${name}, if nobody else needs it. Only what was made by advice is dropped by a call.`,
          text: `DROP INDEX "${name}"`,
          change: isAdvised ? { kind: 'drop_index', name } : undefined,
        },
        statements: run.map((each) => ({
          name: each.name,
          costs: costs.get(each.name),
          plan: inspection.plans.get(each.name) ?? [],
          planAfter: undefined,
        })),
        measured: { rowsWritten: writes, ...(sizeBytes !== undefined && { sizeBytes }) },
      }
    })
}

/** A table that is this many times as large or as small as it was when it was counted. */
const changedTimes = 2

export function adviseOnStatistics({ tables, indexes }: Inspection): Advice[] {
  const due = tables.flatMap((table) => {
    const reason = staleness(table, indexes)
    return reason === undefined ? [] : [{ table, reason }]
  })
  if (due.length === 0) return []
  const names = due.map(({ table }) => table.name)
  return [
    {
      id: 'statistics_due',
      kind: 'statistics_due',
      finding: `What the planner knows of tables is not so: ${due.map(({ table, reason }) => `${table.name} ${reason}`).join('; ')}.`,
      gain: 'The planner chooses between indexes by what there is.',
      action: {
        description: `Count ${names.join(', ')} for the planner.`,
        text: names.map((name) => `ANALYZE "${name}"`).join('; '),
        change: { kind: 'analyze', tables: names },
      },
      statements: [],
      measured: Object.fromEntries(
        due.flatMap(({ table: { name, rows, analyzedRows } }) => [
          ...(rows === undefined ? [] : [[`${name}.rows`, rows] as const]),
          ...(analyzedRows === undefined ? [] : [[`${name}.analyzedRows`, analyzedRows] as const]),
        ]),
      ),
    },
  ]
}

function staleness(table: InspectedTable, indexes: Inspection['indexes']): string | undefined {
  const { name, rows, analyzedRows } = table
  const own = indexes.filter((index) => index.table === name && !index.isPartial && !index.isImplicit)
  if (table.isAnalyzeDue) return 'is due, as the database says'
  // Of a small table any plan is good.
  if (Math.max(rows ?? 0, analyzedRows ?? 0) < rowsWorthAnIndex) return undefined
  if (analyzedRows === undefined) return `was never counted and has ${rows} rows`
  if (rows !== undefined && Math.max(rows, 1) > analyzedRows * changedTimes)
    return `has grown from ${analyzedRows} rows to ${rows}`
  if (rows !== undefined && analyzedRows > Math.max(rows, 1) * changedTimes)
    return `has shrunk from ${analyzedRows} rows to ${rows}`
  const uncounted = own.filter(({ isAnalyzed }) => !isAnalyzed).map((index) => index.name)
  return uncounted.length > 0 ? `has indexes that were never counted (${uncounted.join(', ')})` : undefined
}

const freeShareMax = 0.25
/** Below this it is not worth a pause. */
const freeBytesMin = 4 * 1024 ** 2
/** The SQLite adapter has it emptied at 16 MiB: four times as much means that something does not let it. */
const logBytesMax = 64 * 1024 ** 2

export function adviseOnSpace({ sizeBytes, freeBytes, logBytes }: Inspection): Advice[] {
  const advice: Advice[] = []
  if (sizeBytes && freeBytes && freeBytes >= freeBytesMin && freeBytes / sizeBytes > freeShareMax) {
    advice.push({
      id: 'free_space',
      kind: 'free_space',
      finding: `Nothing is in ${Math.round((freeBytes / sizeBytes) * 100)} % of the database’s pages.`,
      gain: `The file is ${freeBytes} bytes smaller, and backups of it are. What is free is used again without that too.`,
      action: {
        description:
          'If it will not be needed soon: stop the server, back up, and rewrite the file with SQLite’s own shell, which takes as much room again.',
        text: 'VACUUM',
        change: undefined,
      },
      statements: [],
      measured: { freeBytes, sizeBytes },
    })
  }
  if (logBytes && logBytes > logBytesMax) {
    advice.push({
      id: 'large_log',
      kind: 'large_log',
      finding: `The write-ahead log has ${logBytes} bytes.`,
      gain: 'Reads look through a shorter log, and the disk has room again.',
      action: {
        description:
          'See who reads the database for long: a backup that is under way, or another program that has it open. The file ' +
          'keeps its size once it was that large, until the server is started again.',
        text: undefined,
        change: undefined,
      },
      statements: [],
      measured: { logBytes },
    })
  }
  return advice
}
