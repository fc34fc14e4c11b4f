import { authorizeAdmin, type Caller } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import type { DatabaseInspector, Inspection } from '../ports/database-inspector.ts'
import type { Statement } from '../ports/database.ts'
import { readStatementStats, type StatementCosts } from '../statement-stats/read.ts'
import { statements } from '../statements/registry.ts'
import type { Advice } from './advice.ts'
import { type AppliedIndex, readApplied } from './applied.ts'
import { adviseOnScans } from './scans.ts'
import { adviseOnIndexes, adviseOnSpace, adviseOnStatistics } from './upkeep.ts'

export interface AdviceView {
  /** What was counted of statements is of since then. */
  readonly fromMs: number
  readonly spanMs: number
  /** Nothing to advise is an answer too: this is what it is about. */
  readonly lookedAt: {
    readonly statements: number
    /** Of these, those that were run. */
    readonly run: number
    readonly plans: number
    readonly inspection: Inspection
    /** Sentences. */
    readonly not: readonly string[]
  }
  /** What saves most time comes first. */
  readonly advice: readonly Advice[]
  /** Of statements that were run, or spared. */
  readonly costs: ReadonlyMap<string, StatementCosts>
  /** Indexes that were made by advice, and what came of it. */
  readonly applied: readonly AppliedIndex[]
}

/** For administrators. Changes nothing. */
export async function readAdvice(
  core: Core,
  caller: Caller,
  { windowSeconds }: { windowSeconds: number },
): Promise<AdviceView> {
  authorizeAdmin(caller)
  const inspector = inspectorOf(core)
  const {
    fromMs,
    spanMs,
    isComplete,
    statements: counted,
  } = await readStatementStats(core, caller, {
    windowSeconds,
  })
  const costs = new Map<string, StatementCosts>(counted.map((each) => [each.name, each]))
  const explained = mostCostly(costs, inspector.plansMax)
  const inspection = await inspector.inspect(explained)
  const knowsAllPlans = explained.length === statements.length
  const advice = [
    ...(await adviseOnScans(inspector, { inspection, statements: explained, costs })),
    ...adviseOnStatistics(inspection),
    ...(knowsAllPlans ? adviseOnIndexes(inspector, { inspection, statements, costs }) : []),
    ...adviseOnSpace(inspection),
  ]
  const unlooked = [
    ...inspection.unknown,
    ...(knowsAllPlans
      ? []
      : [
          `Unused indexes: that takes the plans of all ${statements.length} statements, and here ${inspector.plansMax} can be asked for.`,
        ]),
    ...(inspector.tryIndexes ? [] : ['Missing indexes: there is no place here to try one.']),
    ...(isComplete ? [] : ['The oldest of the window: there was more than can be read at once.']),
  ]
  return {
    fromMs,
    spanMs,
    lookedAt: {
      statements: statements.length,
      run: [...costs.values()].filter(({ runs }) => runs > 0).length,
      plans: inspection.plans.size,
      inspection,
      not: unlooked,
    },
    advice,
    costs,
    applied: await readApplied(core, caller, inspection),
  }
}

export function inspectorOf({ database }: Core): DatabaseInspector {
  if (!database.inspector) throw new CuttyError('not_found', 'This database cannot be asked about itself.')
  return database.inspector
}

/** Those that were run first; all of them where that is no matter. */
function mostCostly(costs: ReadonlyMap<string, StatementCosts>, max: number): readonly Statement[] {
  const timeOf = ({ name }: Statement) => costs.get(name)?.totalMs ?? -1
  return statements.length <= max
    ? statements
    : statements.toSorted((a, b) => timeOf(b) - timeOf(a)).slice(0, max)
}
