import { lifetimes } from '../cache/lifetimes.ts'
import type { QueryCache } from '../cache/query-cache.ts'
import type { Core } from '../core.ts'
import { findBucketCors } from '../statements/buckets.ts'

/** What pages of other origins may do with a bucket, as S3 has it. */
export interface CorsRule {
  readonly id?: string | undefined
  /** With one `*` at most, which stands for any text. */
  readonly allowedOrigins: readonly string[]
  readonly allowedMethods: readonly string[]
  /** Of requests, likewise; in lower case. */
  readonly allowedHeaders: readonly string[]
  /** Of replies. */
  readonly exposeHeaders: readonly string[]
  readonly maxAgeSeconds?: number | undefined
}

/** As a bucket's row has it. */
export function parseCors(cors: string): readonly CorsRule[] {
  return JSON.parse(cors) as CorsRule[]
}

/** Rules by the bucket's name; `undefined` without any. Apart from the pointers, which are many and read for every file. */
export function corsOf(rows: QueryCache): Core['cors'] {
  return rows.namespace({
    statement: findBucketCors,
    make: ([row]) => (row ? parseCors(row.cors) : undefined),
    dependsOn: (_rules, _params, on) => [on('buckets')],
    lifetime: lifetimes.pointer,
  })
}
