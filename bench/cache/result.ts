import type { Machine } from '../harness/machine.ts'
import type { Rates } from './offline.ts'
import type { KindName } from './traces.ts'
import type { S3FifoPolicy } from '../../src/core/cache/s3-fifo.ts'

/** In the order of the tables. */
export const policyNames = ['ours', 'lru', 'sieve', 'published', 'static', 'belady'] as const
export type PolicyName = (typeof policyNames)[number]

export interface Cell {
  readonly kind: KindName
  readonly zipf: number
  /** Of the bytes of all files. */
  readonly memoryShare: number
  readonly rates: Readonly<Record<PolicyName, Rates>>
}

/** Another number in the policy, and what it does: hit rate minus that of the best static choice, in each cell. */
export interface Variant {
  readonly change: string
  readonly policy: Partial<S3FifoPolicy>
  readonly gaps: readonly number[]
}

export interface CacheResult {
  readonly machine: Machine
  readonly quick: boolean
  readonly policy: S3FifoPolicy
  readonly requests: number
  readonly totalBytes: number
  readonly cells: readonly Cell[]
  /** What the variants change: the policy of the time, which need not be the one that is shipped. */
  readonly variantBase: S3FifoPolicy
  readonly variantCells: readonly Pick<Cell, 'kind' | 'zipf' | 'memoryShare'>[]
  readonly variants: readonly Variant[]
  /** Nanoseconds: a read that hits, and a write into a full cache. */
  readonly speeds: readonly { readonly name: string; readonly getHitNs: number; readonly setNs: number }[]
  readonly memory: {
    readonly entryBytes: number
    readonly ghostBytes: number
    readonly tierEntryBytes: number
  }
}

/** How far below the best static choice a hit rate may be. */
export const gapMax = 0.03
