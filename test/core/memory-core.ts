import { createMemoryBlobStore } from '../../src/adapters/memory/blob-store.ts'
import { createSecretBox } from '../../src/core/accounts/secret-box.ts'
import { createSingleFlight } from '../../src/core/cache/single-flight.ts'
import type { Core } from '../../src/core/core.ts'
import { createIdSource } from '../../src/core/ids.ts'
import type { Background } from '../../src/core/ports/background.ts'
import type { Clock } from '../../src/core/ports/clock.ts'
import type { Database } from '../../src/core/ports/database.ts'
import { endlessRoom } from '../../src/core/ports/room.ts'
import { createRowCaches } from '../../src/core/row-caches.ts'
import { createStatementRuns } from '../../src/core/statement-stats/runs.ts'

export const testMasterKey = 'a master key for tests'

/** A core over a database, with bodies in memory; in every runtime. Its codecs are those that every runtime has. */
export function createMemoryCore(
  of: Pick<Core, 'cache' | 'cacheStats'> & {
    database: Database
    clock: Clock
    background: Background
    blobs?: Core['blobs']
  },
): Core {
  const { database, clock, background, blobs = createMemoryBlobStore(), cache, cacheStats } = of
  return {
    ...createRowCaches({
      database,
      bytesMax: 1024 ** 2,
      clock,
      background,
      flight: createSingleFlight({ timeoutMs: 10_000 }),
    }),
    statementRuns: createStatementRuns({
      slowMs: 0,
      clock,
      background,
      observe() {},
      explain: (statement) => database.explain(statement),
    }),
    cache,
    cacheStats,
    blobs,
    room: endlessRoom,
    compression: {
      available: new Set(['gzip', 'deflate', 'brotli'] as const),
      framesAtOnce: 2,
      compressBytesMax: Number.POSITIVE_INFINITY,
      recompressBytesMax: Number.POSITIVE_INFINITY,
    },
    clock,
    ids: createIdSource(clock),
    background,
    wakeJobs() {},
    observe() {},
    secrets: createSecretBox(new TextEncoder().encode(testMasterKey)),
  }
}
