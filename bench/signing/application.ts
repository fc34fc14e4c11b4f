import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createMemoryBlobStore } from '../../src/adapters/memory/blob-store.ts'
import { createMemoryCacheTier } from '../../src/adapters/memory/cache-tier.ts'
import { openSqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { replaceAccessKey } from '../../src/core/accounts/credentials.ts'
import { createSecretBox } from '../../src/core/accounts/secret-box.ts'
import { ensureAdministrator } from '../../src/core/accounts/users.ts'
import { createByteCaches } from '../../src/core/cache/byte-caches.ts'
import { createSingleFlight } from '../../src/core/cache/single-flight.ts'
import { createIdSource } from '../../src/core/ids.ts'
import { systemClock } from '../../src/core/ports/clock.ts'
import { endlessRoom } from '../../src/core/ports/room.ts'
import { createRowCaches } from '../../src/core/row-caches.ts'
import { createStatementRuns } from '../../src/core/statement-stats/runs.ts'
import { statements } from '../../src/core/statements/registry.ts'
import { createApp } from '../../src/http/app.ts'
import { accessKey } from '../harness/subject.ts'
import type { Caller } from '../../src/core/accounts/caller.ts'
import type { Clock } from '../../src/core/ports/clock.ts'
import type { Core } from '../../src/core/core.ts'
import type { App } from '../../src/http/app.ts'

export interface Application {
  readonly app: App
  readonly core: Core
  readonly admin: Caller
  close(): Promise<void>
}

const masterKey = 'bench-only-0123456789abcdef0123456789abcdef'
const bytesMax = 16 * 2 ** 20

/** The whole application in this process: its database in a folder, bodies in memory, no socket. */
export async function openApplication(
  folder: string,
  { clock = systemClock }: { clock?: Clock } = {},
): Promise<Application> {
  mkdirSync(folder, { recursive: true })
  const background = { run: (_name: string, work: () => Promise<void>) => void work() }
  const statementRuns = createStatementRuns({
    slowMs: 0,
    clock,
    background,
    observe: () => {},
    explain: (statement) => database.explain(statement),
  })
  const database = await openSqliteDatabase({
    file: join(folder, 'cutty.db'),
    statements,
    migrationsFolder: fileURLToPath(new URL('../../migrations', import.meta.url)),
    inlineBlobBytesMax: 16 * 1024,
    nowMs: clock.now(),
    onRun: statementRuns.note,
  })
  const flight = createSingleFlight({ timeoutMs: 10_000 })
  const core: Core = {
    ...createRowCaches({ database, bytesMax, clock, background, flight }),
    statementRuns,
    ...createByteCaches({
      memory: createMemoryCacheTier({ bytesMax, clock }),
      lower: [],
      entryBytesMax: 2 ** 20,
      masterKey,
      clock,
      background,
      observe: () => {},
    }),
    blobs: createMemoryBlobStore(),
    room: endlessRoom,
    compression: {
      available: new Set(['gzip', 'deflate', 'brotli']),
      framesAtOnce: 2,
      compressBytesMax: Number.POSITIVE_INFINITY,
      recompressBytesMax: Number.POSITIVE_INFINITY,
    },
    clock,
    ids: createIdSource(clock),
    background,
    wakeJobs: () => {},
    observe: () => {},
    secrets: createSecretBox(new TextEncoder().encode(masterKey)),
  }
  const { userId } = (await ensureAdministrator(core, undefined))!
  const { accessKeyId, secret } = accessKey
  await replaceAccessKey(core, { accessKeyId, secretAccessKey: secret, userId, label: 'bench' })
  return {
    app: createApp(core),
    core,
    admin: { role: 'admin', userId },
    close: () => core.database.close(),
  }
}
