import type { InspectedTable } from '../ports/database-inspector.ts'
import { referencesIn, tableOf } from './candidates.ts'

export type Columns = ReadonlyMap<string, readonly string[]>

/** A step that reads a whole table or index, or sorts what was read. */
export interface CostlyStep {
  readonly kind: 'full_scan' | 'temporary_sort'
  readonly step: string
  /** By which the statement calls the table that is scanned; of a sort, those that can be what is sorted. */
  readonly references: readonly string[]
}

export function columnsByTable(tables: readonly InspectedTable[]): Columns {
  return new Map(tables.map(({ name, columns }) => [name, columns]))
}

/** Without those of what is no table: a list in a parameter, a recursion, a row of constants. */
export function costlySteps(plan: readonly string[], text: string, columns: Columns): CostlyStep[] {
  return plan.flatMap((step): CostlyStep[] => {
    if (step.startsWith('USE TEMP B-TREE FOR ')) {
      return [{ kind: 'temporary_sort', step, references: referencesIn(text, columns) }]
    }
    const [, reference] = /^SCAN (\w+)\b(?! VIRTUAL TABLE)/.exec(step) ?? []
    return reference !== undefined && tableOf(text, reference, columns) !== undefined
      ? [{ kind: 'full_scan', step, references: [reference] }]
      : []
  })
}

/** Whether a plan reads by an index. */
export function usesIndex(plan: readonly string[], index: string): boolean {
  return plan.some((step) => step.endsWith(` INDEX ${index}`) || step.includes(` INDEX ${index} `))
}
