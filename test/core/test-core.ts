import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDiskBlobStore } from '../../src/adapters/disk/blob-store.ts'
import { openSqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { createAccessLog } from '../../src/core/access-log/access-log.ts'
import type { Caller } from '../../src/core/accounts/caller.ts'
import type { NewAccessKey } from '../../src/core/accounts/credentials.ts'
import { createSecretBox } from '../../src/core/accounts/secret-box.ts'
import { ensureAdministrator } from '../../src/core/accounts/users.ts'
import { createSingleFlight } from '../../src/core/cache/single-flight.ts'
import type { CodecName } from '../../src/core/compression/codec.ts'
import { codecs } from '../../src/core/compression/codecs.ts'
import type { Core } from '../../src/core/core.ts'
import { createRowCaches } from '../../src/core/row-caches.ts'
import { createIdSource } from '../../src/core/ids.ts'
import type { Database } from '../../src/core/ports/database.ts'
import type { Background } from '../../src/core/ports/background.ts'
import type { Event } from '../../src/core/ports/observer.ts'
import { endlessRoom } from '../../src/core/ports/room.ts'
import { createStatementRuns } from '../../src/core/statement-stats/runs.ts'
import { accessLogStatements, statements } from '../../src/core/statements/registry.ts'
import { testBytes } from './test-bytes.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

/** A core over SQLite and the disk, in a folder of its own that goes with it. */
export interface TestCore {
  readonly core: Core
  readonly folder: string
  readonly clock: TestClock
  /** All that was observed so far. */
  readonly events: Event[]
  readonly adminKey: NewAccessKey
  readonly admin: Caller
  /** Waits for work that went on after its operation. */
  settled(): Promise<void>
  readonly close: () => Promise<void>
}

export const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url))

export async function openTestCore(
  options: { inlineBlobBytesMax?: number; cacheBytes?: number; accessLog?: boolean } = {},
): Promise<TestCore> {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-core-'))
  const clock = createTestClock()
  const events: Event[] = []
  const background = createTestBackground()
  const statementRuns = createStatementRuns({
    slowMs: 50,
    clock,
    background,
    observe: (event) => events.push(event),
    explain: (statement) => database.explain(statement),
  })
  const database = await openSqliteDatabase({
    file: join(folder, 'cutty.db'),
    statements,
    migrationsFolder,
    inlineBlobBytesMax: options.inlineBlobBytesMax ?? 4096,
    nowMs: clock.now(),
    onRun: statementRuns.note,
  })
  const accessLog = options.accessLog
    ? createAccessLog({
        database: await openSqliteDatabase({
          file: join(folder, 'access-log.db'),
          statements: accessLogStatements,
          migrationsFolder: join(migrationsFolder, 'access-log'),
          inlineBlobBytesMax: 0,
          nowMs: clock.now(),
          synchronous: 'normal',
          onRun: statementRuns.note,
        }),
        room: endlessRoom,
        clock,
        observe: (event) => events.push(event),
        scope: 'all',
        days: 30,
        rowsMax: 1_000_000,
      })
    : undefined
  const rowCaches = createRowCaches({
    database,
    bytesMax: 1024 ** 2,
    clock,
    background,
    flight: createSingleFlight({ timeoutMs: 10_000 }),
  })
  const core: Core = {
    ...rowCaches,
    statementRuns,
    room: endlessRoom,
    blobs: await createDiskBlobStore({ folder }),
    compression: {
      available: new Set(Object.keys(codecs) as CodecName[]),
      framesAtOnce: 2,
      compressBytesMax: Number.POSITIVE_INFINITY,
      recompressBytesMax: Number.POSITIVE_INFINITY,
    },
    ...testBytes({ bytesMax: options.cacheBytes ?? 1024 ** 2, entryBytesMax: 64 * 1024 }),
    clock,
    ids: createIdSource(clock),
    background,
    wakeJobs() {},
    observe(event) {
      events.push(event)
      if (event.type === 'request') accessLog?.note(event)
    },
    accessLog,
    secrets: createSecretBox(new TextEncoder().encode('a master key for tests')),
  }
  const adminKey = (await ensureAdministrator(core, undefined)) as NewAccessKey
  return {
    core,
    folder,
    clock,
    events,
    adminKey,
    admin: { role: 'admin', userId: adminKey.userId },
    settled: () => background.settled(),
    async close() {
      await background.settled()
      await core.database.close()
      await accessLog?.database.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** What reads its rows from `database`, and keeps none of them. */
export function withoutMemory(database: Database): ReturnType<typeof createRowCaches> {
  const shared = { ...database, capabilities: { ...database.capabilities, exclusive: false, embedded: true } }
  return createRowCaches({
    database: shared,
    bytesMax: 1,
    clock: createTestClock(),
    background: createTestBackground(),
    flight: createSingleFlight({ timeoutMs: 10_000 }),
  })
}

/** Work in the background whose failures reach the test that waits for it. */
export function createTestBackground(): Background & { settled(): Promise<void> } {
  let tasks: Promise<void>[] = []
  return {
    run(_name, work) {
      const task = work()
      task.catch(() => {})
      tasks.push(task)
    },
    async settled() {
      while (tasks.length > 0) {
        const waiting = tasks
        tasks = []
        await Promise.all(waiting)
      }
    },
  }
}
