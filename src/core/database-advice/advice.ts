import type { StatementCosts } from '../statement-stats/read.ts'

/** What to do about something, and why. */
export interface Advice {
  /** The same for the same finding, later too. Letters, digits, `_`, `.`, `-`. */
  readonly id: string
  readonly kind: AdviceKind
  /** A sentence: what was found. */
  readonly finding: string
  /** A sentence: what is better afterwards. */
  readonly gain: string
  readonly action: {
    /** A sentence. */
    readonly description: string
    /** In SQL, where that is all. */
    readonly text: string | undefined
    readonly change: Change | undefined
  }
  /** Statements that it is about. */
  readonly statements: readonly StatementEvidence[]
  /** Numbers that it was concluded from. */
  readonly measured: Readonly<Record<string, number>>
}

export const adviceKinds = {
  full_scan: 'a statement that was run reads a whole table of at least 1,000 rows',
  temporary_sort: 'a statement that was run sorts what an index could give it in order',
  unused_index: 'no statement’s plan reads by this index, and each write to its table maintains it',
  statistics_due: 'what the planner knows of a table was never counted, or is off by more than a factor of 2',
  free_space: 'more than a quarter of the database’s pages is unused',
  large_log: 'the write-ahead log has grown beyond 64 MiB and four times what it is emptied at',
} as const

export type AdviceKind = keyof typeof adviceKinds

/** What can be done by a call. */
export type Change =
  | {
      readonly kind: 'create_index'
      readonly name: string
      readonly table: string
      readonly columns: readonly string[]
    }
  | { readonly kind: 'drop_index'; readonly name: string }
  | { readonly kind: 'analyze'; readonly tables: readonly string[] }

export interface StatementEvidence {
  readonly name: string
  /** `undefined`: it was not run in the window. */
  readonly costs: StatementCosts | undefined
  readonly plan: readonly string[]
  /** On a copy with the proposed index. */
  readonly planAfter: readonly string[] | undefined
}
