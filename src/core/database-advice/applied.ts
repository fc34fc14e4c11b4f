import type { Caller } from '../accounts/caller.ts'
import { gatherReads } from '../cache/gathered-reads.ts'
import type { Core } from '../core.ts'
import { bind } from '../ports/database.ts'
import { advisedPrefix, type Inspection } from '../ports/database-inspector.ts'
import { hourMs } from '../statement-stats/runs.ts'
import { readStatementStats, type StatementCosts } from '../statement-stats/read.ts'
import { findSetting, putSetting } from '../statements/settings.ts'

/** An index that was made by advice. */
export interface AppliedIndex {
  readonly index: string
  readonly statement: string
  readonly appliedMs: number
  /** In the time that was looked at then. */
  readonly before: DurationsOf
  /** Since the next whole hour, as long as it is kept; `undefined` until then, or where it was not run. */
  readonly after: DurationsOf | undefined
}

export type DurationsOf = Pick<StatementCosts, 'runs' | 'p50Ms' | 'p95Ms' | 'p99Ms'>

const keptSeconds = 30 * 86_400

function settingOf(index: string): string {
  return `advice.${index}`
}

/** Notes what there was before, so that the difference can be told. */
export async function noteApplied(
  core: Core,
  { index, statement, costs }: { index: string; statement: string; costs: StatementCosts | undefined },
): Promise<void> {
  const noted = { statement, appliedMs: core.clock.now(), before: durationsOf(costs) }
  await core.database.batch([bind(putSetting, { name: settingOf(index), value: JSON.stringify(noted) })])
}

export async function readApplied(
  core: Core,
  caller: Caller,
  { indexes }: Inspection,
): Promise<AppliedIndex[]> {
  const names = indexes.map(({ name }) => name).filter((name) => name.startsWith(advisedPrefix))
  const ask = gatherReads(core.database)
  const rows = await Promise.all(
    names.map(async (index) => {
      const [row] = await ask(findSetting, { name: settingOf(index) })
      // Somebody may have made one by hand, and named it so.
      return row ? [{ index, ...(JSON.parse(row.value) as Omit<AppliedIndex, 'index' | 'after'>) }] : []
    }),
  )
  return Promise.all(
    rows.flat().map(async (each) => ({ ...each, after: await durationsSince(core, caller, each) })),
  )
}

/** What is counted is counted by the hour: the one in which the index came has some of both. */
async function durationsSince(
  core: Core,
  caller: Caller,
  { statement, appliedMs }: Pick<AppliedIndex, 'statement' | 'appliedMs'>,
): Promise<DurationsOf | undefined> {
  const fromMs = (Math.floor(appliedMs / hourMs) + 1) * hourMs
  const windowSeconds = Math.min(keptSeconds, (core.clock.now() - fromMs) / 1000)
  if (windowSeconds < 0) return undefined
  const { statements } = await readStatementStats(core, caller, { windowSeconds })
  const costs = statements.find(({ name }) => name === statement)
  return costs && costs.runs > 0 ? durationsOf(costs) : undefined
}

export function durationsOf(costs: StatementCosts | undefined): DurationsOf {
  const { runs = 0, p50Ms, p95Ms, p99Ms } = costs ?? {}
  return { runs, p50Ms, p95Ms, p99Ms }
}
