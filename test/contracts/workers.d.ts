/** What `wrangler.jsonc` and `vitest.config.ts` bind for the tests that run inside workerd. */
declare module 'cloudflare:workers' {
  import type { D1Database, KVNamespace, R2Bucket } from '@cloudflare/workers-types'

  export const env: {
    readonly BLOBS: R2Bucket
    readonly DB: D1Database
    readonly ACCESS_LOG: D1Database
    readonly CACHE: KVNamespace
    /** The texts of `migrations/`, cut into statements. */
    readonly MIGRATIONS: readonly { name: string; queries: string[] }[]
    /** Those of `migrations/access-log/`. */
    readonly ACCESS_LOG_MIGRATIONS: readonly { name: string; queries: string[] }[]
  }
}

declare module 'cloudflare:test' {
  import type { D1Database } from '@cloudflare/workers-types'

  export function applyD1Migrations(
    database: D1Database,
    migrations: readonly { name: string; queries: string[] }[],
  ): Promise<void>
}
