import type { DatabaseInspector, Inspection, NewIndex, TriedIndex } from '../ports/database-inspector.ts'
import type { Statement } from '../ports/database.ts'
import type { StatementCosts } from '../statement-stats/read.ts'
import type { Advice, StatementEvidence } from './advice.ts'
import { candidateIndexes, tableOf } from './candidates.ts'
import { columnsByTable, type CostlyStep, costlySteps } from './plan.ts'

/** A table of fewer is read as fast as an index finds a place in it. */
export const rowsWorthAnIndex = 1000

interface Found {
  readonly statement: Statement
  readonly costs: StatementCosts
  readonly plan: readonly string[]
  readonly steps: readonly CostlyStep[]
  /** Of the largest table that is read or sorted; what is not known is taken for what came back. */
  readonly rows: number
  readonly table: string
}

/** Of statements that were run: those that read or sort more than they have to, with an index against it if one was found. */
export async function adviseOnScans(
  inspector: DatabaseInspector,
  options: {
    inspection: Inspection
    statements: readonly Statement[]
    costs: ReadonlyMap<string, StatementCosts>
  },
): Promise<Advice[]> {
  const { inspection, statements, costs } = options
  const columns = columnsByTable(inspection.tables)
  const found = statements.flatMap((statement): Found[] => {
    const cost = costs.get(statement.name)
    const plan = inspection.plans.get(statement.name)
    if (!cost || cost.runs === 0 || !plan || statement.selective === false) return []
    const steps = costlySteps(plan, statement.text, columns)
    const largest = largestOf(steps, statement, inspection)
    // D1 tells rows that were looked at and not how many there are.
    const rows = largest?.rows ?? cost.rowsRead / cost.runs
    if (!largest || rows < rowsWorthAnIndex) return []
    return [{ statement, costs: cost, plan, steps, rows, table: largest.name }]
  })
  const tried = await tryAll(inspector, found, inspection)
  return found
    .toSorted((a, b) => b.costs.totalMs - a.costs.totalMs)
    .map((each) => {
      const trials = tried?.filter(({ statement }) => statement === each.statement)
      return describe(each, { best: bestOf(trials ?? [], each, columns), canTry: tried !== undefined })
    })
}

function largestOf(
  steps: readonly CostlyStep[],
  { text }: Statement,
  { tables }: Inspection,
): Inspection['tables'][number] | undefined {
  const columns = columnsByTable(tables)
  const names = steps.flatMap(({ references }) => references.map((each) => tableOf(text, each, columns)))
  return tables
    .filter(({ name }) => names.includes(name))
    .toSorted((a, b) => (b.rows ?? b.analyzedRows ?? 0) - (a.rows ?? a.analyzedRows ?? 0))[0]
}

/** All in one go: each look costs the start of a thread. `undefined` where nothing can be tried. */
async function tryAll(
  inspector: DatabaseInspector,
  found: readonly Found[],
  { tables, indexes }: Inspection,
): Promise<readonly TriedIndex[] | undefined> {
  if (!inspector.tryIndexes || !inspector.createIndex) return undefined
  const columns = columnsByTable(tables)
  const isThere = (index: NewIndex) =>
    indexes.some(
      (each) =>
        each.name === index.name ||
        (each.table === index.table &&
          !each.isPartial &&
          index.columns.every((column, at) => each.columns[at] === column)),
    )
  const trials = found.flatMap(({ statement, steps }) => {
    const references = [...new Set(steps.flatMap((step) => step.references))]
    const candidates = references.flatMap((each) => candidateIndexes(statement.text, each, columns))
    const names = new Set<string>()
    return candidates
      .filter((index) => !isThere(index))
      .filter(({ name }) => !names.has(name) && names.add(name))
      .map((index) => ({ statement, index }))
  })
  return trials.length > 0 ? inspector.tryIndexes(trials) : []
}

/** The fewest costly steps, then the fewest columns; none that leaves as many as before. */
function bestOf(
  trials: readonly TriedIndex[],
  { statement, steps }: Found,
  columns: ReturnType<typeof columnsByTable>,
): TriedIndex | undefined {
  const weigh = ({ plan, index }: { plan: readonly string[]; index: NewIndex }) => ({
    left: costlySteps(plan, statement.text, columns).length,
    columns: index.columns.length,
  })
  const [best] = trials
    .map((trial) => ({ trial, ...weigh(trial) }))
    .filter(({ left }) => left < steps.length)
    .toSorted((a, b) => a.left - b.left || a.columns - b.columns)
  return best?.trial
}

function describe(
  { statement, costs, plan, steps, rows, table }: Found,
  { best, canTry }: { best: TriedIndex | undefined; canTry: boolean },
): Advice {
  const kind = steps.some((step) => step.kind === 'full_scan') ? 'full_scan' : 'temporary_sort'
  const evidence: StatementEvidence = { name: statement.name, costs, plan, planAfter: best?.plan }
  const counted = Math.round(rows)
  const does = kind === 'full_scan' ? 'reads all of' : 'sorts rows of'
  const base = {
    id: `${kind}.${statement.name}`,
    kind,
    finding: `${statement.name} ${does} ${table}, ${counted} rows, and was run ${costs.runs} times.`,
    statements: [evidence],
    measured: { rows: counted },
  } as const
  if (best) {
    const { index, text } = best
    return {
      ...base,
      gain:
        kind === 'full_scan'
          ? `Each run reads the rows that it needs and not up to ${counted}.`
          : 'Each run takes its rows in their order and stops when it has enough of them.',
      action: {
        description: `Make the index ${index.name} on ${index.table} (${index.columns.join(', ')}).`,
        text,
        change: { kind: 'create_index', ...index },
      },
    }
  }
  return {
    ...base,
    gain: 'Not known.',
    action: {
      description: canTry
        ? 'No index is proposed: none that its text suggests changes the plan.'
        : 'No index is proposed: there is no place here to try one.',
      text: undefined,
      change: undefined,
    },
  }
}
