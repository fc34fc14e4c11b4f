import { authorizeAdmin, type Caller } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import type { DatabaseInspector, Inspection } from '../ports/database-inspector.ts'
import { statements } from '../statements/registry.ts'
import type { Advice, Change } from './advice.ts'
import { type DurationsOf, durationsOf, noteApplied } from './applied.ts'
import { inspectorOf, readAdvice } from './read.ts'

export interface AppliedAdvice {
  readonly advice: Advice
  /** Of the change itself; writes waited as long. */
  readonly durationMs: number
  /** Statements that are run in another way since then. */
  readonly changedPlans: readonly {
    readonly statement: string
    readonly before: readonly string[]
    readonly after: readonly string[]
    /** Before the change, in the time looked at. */
    readonly durations: DurationsOf
  }[]
}

/**
 * Does what an advice says, if it is still advised and can be done by a call. Throws `not_found` when it is not advised now, and
 * `conflict` when it is left to people.
 */
export async function applyAdvice(
  core: Core,
  caller: Caller,
  { id, windowSeconds }: { id: string; windowSeconds: number },
): Promise<AppliedAdvice> {
  authorizeAdmin(caller)
  const inspector = inspectorOf(core)
  const view = await readAdvice(core, caller, { windowSeconds })
  const advice = view.advice.find((each) => each.id === id)
  if (!advice) throw new CuttyError('not_found', `“${id}” is not advised now.`)
  const { change, description } = advice.action
  if (!change) throw new CuttyError('conflict', `This is left to people: ${description}`)
  const before = view.lookedAt.inspection
  const startedMs = core.clock.monotonic()
  await make(inspector, change)
  const durationMs = core.clock.monotonic() - startedMs
  const [evidence] = advice.statements
  if (change.kind === 'create_index' && evidence) {
    await noteApplied(core, { index: change.name, statement: evidence.name, costs: evidence.costs })
  }
  const explained = statements.filter(({ name }) => before.plans.has(name))
  const after = await inspector.inspect(explained)
  core.observe({ type: 'lifecycle', message: 'advice applied', details: { advice: id, durationMs } })
  const costsOf = (name: string) => view.costs.get(name)
  return {
    advice,
    durationMs,
    changedPlans: changedPlans(before, after).map((each) => ({
      ...each,
      durations: durationsOf(costsOf(each.statement)),
    })),
  }
}

async function make(inspector: DatabaseInspector, change: Change): Promise<void> {
  switch (change.kind) {
    case 'create_index':
      return inspector.createIndex?.(change)
    case 'drop_index':
      return inspector.dropIndex?.(change.name)
    case 'analyze':
      return inspector.analyze(change.tables)
  }
}

function changedPlans(before: Inspection, after: Inspection) {
  return [...before.plans]
    .map(([statement, plan]) => ({ statement, before: plan, after: after.plans.get(statement) ?? [] }))
    .filter((each) => each.before.join('\n') !== each.after.join('\n'))
}
