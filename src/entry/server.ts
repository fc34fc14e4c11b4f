import { flushCompileCache } from 'node:module'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as setTimeoutLater } from 'node:timers/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDiskBlobStore } from '../adapters/disk/blob-store.ts'
import { createDiskCacheTier, type DiskCacheTier } from '../adapters/disk/cache-tier.ts'
import { lockFolder } from '../adapters/disk/folder-lock.ts'
import { createDiskRoom } from '../adapters/disk/room.ts'
import { createMemoryCacheTier } from '../adapters/memory/cache-tier.ts'
import { openSqliteDatabase } from '../adapters/sqlite/database.ts'
import { type AccessLog, createAccessLog, databaseOf } from '../core/access-log/access-log.ts'
import type { NewAccessKey } from '../core/accounts/credentials.ts'
import { checkMasterKey } from '../core/accounts/master-key.ts'
import { createSecretBox } from '../core/accounts/secret-box.ts'
import { ensureAdministrator } from '../core/accounts/users.ts'
import { saveReads } from '../core/cache/read-counts.ts'
import { createByteCaches, createKeyHash } from '../core/cache/byte-caches.ts'
import { createSingleFlight } from '../core/cache/single-flight.ts'
import type { Core } from '../core/core.ts'
import { testedCodecs } from './tested-codecs.ts'
import { createRowCaches } from '../core/row-caches.ts'
import { collectGarbage, lastSweptMs, sweepOrphans } from '../core/files/collect.ts'
import { expireUploads } from '../core/files/uploads.ts'
import { removeExpiredLinks } from '../core/links/revoke.ts'
import type { Pause } from '../core/jobs/rate.ts'
import { createJobRunner, type JobRunner } from '../core/jobs/runner.ts'
import { releaseDeadJobs, removeOldJobs, scheduleScrub } from '../core/jobs/jobs.ts'
import { createIdSource } from '../core/ids.ts'
import type { Background } from '../core/ports/background.ts'
import { systemClock } from '../core/ports/clock.ts'
import type { StatementRun } from '../core/ports/database.ts'
import type { Observer } from '../core/ports/observer.ts'
import type { Room } from '../core/ports/room.ts'
import { createStatementRuns } from '../core/statement-stats/runs.ts'
import { saveStatementRuns } from '../core/statement-stats/save.ts'
import { accessLogStatements, statements } from '../core/statements/registry.ts'
import { version } from '../core/version.ts'
import { createApp } from '../http/app.ts'
import { type Config, settings } from './config.ts'
import { createLog } from './log.ts'
import { createHttpServer } from './node-http.ts'

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url))

/** Bodies up to this size go into the database: decisions/004-small-bodies-in-rows.md. */
const inlineBlobBytesMax = 16 * 1024
/** Larger bodies are read from the disk each time: the page cache holds them, and a copy here would push out many. */
const cacheEntryBytesMax = 1024 ** 2
/** Longer than a read of a disk that is not in trouble. */
const diskBudgetMs = 100
/** Of pointers some 7,000. */
const rowBytesMax = 16 * 1024 ** 2
/** Longer than any read that goes well. */
const flightTimeoutMs = 10_000
/** An open file can be read to its end after it was removed, so the grace only has to outlast one request's start. */
const garbageGraceMs = 60_000
const collectEveryMs = 60_000
const scheduleEveryMs = 86_400_000
const saveAccessesEveryMs = 1000
/** The thread pool has four threads, and other work besides. */
const framesAtOnceMax = 4

export interface RunningServer {
  readonly url: string
  /** The administrator's, when it was made up at this start: to be shown once. */
  readonly firstKey: NewAccessKey | undefined
  /** Drains requests, waits for what is under way, lets go of the data folder. */
  stop(): Promise<void>
}

/** Joins the parts of a server and starts it. Throws an Error that says what is wrong when it cannot. */
export async function startServer(config: Config): Promise<RunningServer> {
  const held = new AsyncDisposableStack()
  try {
    return await start(config, held)
  } catch (error) {
    await held.disposeAsync()
    throw error
  }
}

/** Whatever must be let go of, at a failed start or at the end, is put on `held`. */
async function start(config: Config, held: AsyncDisposableStack): Promise<RunningServer> {
  // Kept now and not at exit, so that the writing thread finds itself compiled even on the very first start.
  flushCompileCache()
  const lock = lockFolder(config.data)
  held.defer(() => lock.release())
  const log = createLog({
    level: config.log,
    write: (text) => process.stdout.write(text),
    now: () => systemClock.now(),
  })
  const background = createBackground(log.observe)
  const masterKey = config.masterKey ?? readMasterKey(config.data)
  const blobs = await createDiskBlobStore({ folder: config.data })
  const statementRuns = createStatementRuns({
    slowMs: config.slowStatementMs,
    clock: systemClock,
    background,
    observe: log.observe,
    explain: (statement) => databaseOf(statement, { database, accessLog }).explain(statement),
  })
  const database = await openSqliteDatabase({
    file: join(config.data, 'cutty.db'),
    statements,
    migrationsFolder,
    inlineBlobBytesMax,
    nowMs: systemClock.now(),
    onRun: statementRuns.note,
  })
  held.defer(() => database.close())
  const room = createDiskRoom({ folder: config.data, reserveBytes: config.reserveBytes, clock: systemClock })
  const accessLog = await openAccessLog(config, { room, observe: log.observe, onRun: statementRuns.note })
  if (accessLog) held.defer(() => accessLog.database.close())
  // Not before the last sweep, or ids of a clock that went back would be taken for those of dead uploads.
  const startedMs = Math.max(systemClock.now(), await lastSweptMs(database))
  const rowCaches = createRowCaches({
    database,
    bytesMax: rowBytesMax,
    clock: systemClock,
    background,
    flight: createSingleFlight({ timeoutMs: flightTimeoutMs }),
  })
  const kept = cacheBounds(config)
  const disk = openDiskTier(config, masterKey)
  if (disk) held.defer(() => disk.close())
  const byteCaches = createByteCaches({
    memory: createMemoryCacheTier({ bytesMax: kept.bytesMax, clock: systemClock }),
    lower: disk ? [{ tier: disk, budgetMs: diskBudgetMs }] : [],
    entryBytesMax: kept.entryBytesMax,
    masterKey,
    clock: systemClock,
    background,
    observe: log.observe,
  })
  const core: Core = {
    ...rowCaches,
    statementRuns,
    blobs,
    compression: {
      available: await testedCodecs(log.observe),
      // One more than there are cores: while one is written, the others go on.
      framesAtOnce: Math.min(framesAtOnceMax, availableParallelism() + 1),
      compressBytesMax: Number.POSITIVE_INFINITY,
      recompressBytesMax: Number.POSITIVE_INFINITY,
    },
    ...byteCaches,
    room,
    clock: systemClock,
    ids: createIdSource(systemClock, { notBeforeMs: startedMs }),
    background,
    wakeJobs: () => jobs.wake(),
    observe(event) {
      log.observe(event)
      if (event.type === 'request') accessLog?.note(event)
    },
    accessLog,
    secrets: createSecretBox(new TextEncoder().encode(masterKey)),
  }
  const jobs: JobRunner = createJobRunner(core, { pause })
  await checkMasterKey(core)
  const firstKey = await ensureAdministrator(core, config.admin)
  const server = createHttpServer(
    createApp(core, { baseDomains: config.s3BaseDomain, publicOrigin: config.publicOrigin }),
  )
  const url = await listen(server, config)
  const timers = keepHouse(core, { startedMs, jobs, scrubDays: config.scrubDays })
  log.observe({ type: 'lifecycle', message: 'started', details: { version, url, pid: process.pid } })

  return {
    url,
    // Whoever configured a key knows it.
    firstKey: config.admin ? undefined : firstKey,
    async stop() {
      for (const timer of timers) clearInterval(timer)
      jobs.stop()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const deadline = setTimeout(() => server.closeAllConnections(), config.shutdownSeconds * 1000)
      await closed
      clearTimeout(deadline)
      keepCounts(core)
      background.run('write the access log', async () => accessLog?.save())
      await background.settled()
      await held.disposeAsync()
      log.observe({ type: 'lifecycle', message: 'stopped' })
      log.flush()
    },
  }
}

/** In a file of its own, or not at all. Throws an Error that says what to do when it cannot be opened. */
async function openAccessLog(
  config: Config,
  of: { room: Room; observe: Observer; onRun: (run: StatementRun) => void },
): Promise<AccessLog | undefined> {
  const { accessLog: scope, accessLogDays: days, accessLogRows: rowsMax } = config
  if (scope === 'none') return undefined
  const file = join(config.data, 'access-log.db')
  try {
    const database = await openSqliteDatabase({
      file,
      statements: accessLogStatements,
      migrationsFolder: join(migrationsFolder, 'access-log'),
      inlineBlobBytesMax: 0,
      nowMs: systemClock.now(),
      synchronous: 'normal',
      onRun: of.onRun,
    })
    const { room, observe } = of
    return createAccessLog({ database, room, clock: systemClock, observe, scope, days, rowsMax })
  } catch (error) {
    const wayOut = `Move it away to begin another, or set ${settings.accessLog.env}=none.`
    throw new Error(
      `The access log ${file} cannot be opened: ${(error as Error).message.replace(/\.$/, '')}. ${wayOut}`,
      {
        cause: error,
      },
    )
  }
}

/**
 * Sweeps once what earlier processes left behind, goes on with the jobs that they were at, and collects garbage from now
 * on. The daily look at what is due is one at the start too.
 */
function keepHouse(
  core: Core,
  options: { startedMs: number; jobs: JobRunner; scrubDays: number },
): NodeJS.Timeout[] {
  const { startedMs, jobs, scrubDays } = options
  const { accessLog, background } = core
  background.run('remove blobs of uploads that never ended', async () => {
    await sweepOrphans(core, { beforeMs: startedMs })
  })
  const collect = () => {
    background.run('collect garbage', async () => {
      await expireUploads(core)
      await collectGarbage(core, { graceMs: garbageGraceMs })
      await removeExpiredLinks(core)
    })
    background.run('remove what is old in the access log', async () => accessLog?.removeOld())
    keepCounts(core)
    // Only after an outage there is anything to go on with that nobody said.
    jobs.wake()
  }
  const schedule = () =>
    background.run('look what jobs are due', async () => {
      await removeOldJobs(core)
      await scheduleScrub(core, { days: scrubDays })
    })
  background.run('go on with jobs', async () => {
    await releaseDeadJobs(core)
    jobs.wake()
  })
  schedule()
  const saveAccesses = () => {
    if (accessLog?.hasUnsaved()) background.run('write the access log', () => accessLog.save())
  }
  return [
    setInterval(collect, collectEveryMs).unref(),
    setInterval(schedule, scheduleEveryMs).unref(),
    setInterval(saveAccesses, saveAccessesEveryMs).unref(),
  ]
}

/** Nothing is written where nothing was counted since the last time. */
function keepCounts(core: Core): void {
  core.background.run('write down what is read most', () => saveReads(core))
  core.background.run('write down what statements cost', () => saveStatementRuns(core))
}

/** Ends early, and is no reason for the process to stay, when it is to stop. */
const pause: Pause = (ms, signal) => setTimeoutLater(ms, undefined, { signal }).catch(() => {})

/** Of the bytes that are kept in memory. Where that is turned off nothing is kept, in no tier, not even an empty file. */
function cacheBounds({ cacheBytes }: Config): { bytesMax: number; entryBytesMax: number } {
  // No memory can be made without a bound.
  if (cacheBytes === 0) return { bytesMax: 1, entryBytesMax: -1 }
  return { bytesMax: cacheBytes, entryBytesMax: cacheEntryBytesMax }
}

/** In front of a data folder that is slow: a network's, or spinning. */
function openDiskTier(config: Config, masterKey: string): DiskCacheTier | undefined {
  if (config.cacheFolder === undefined) return undefined
  return createDiskCacheTier({
    folder: config.cacheFolder,
    bytesMax: config.cacheFolderBytes,
    hashKey: createKeyHash(masterKey),
    clock: systemClock,
  })
}

/** Whole or not there at all: what is encrypted with half a key is lost with the other half. */
function readMasterKey(folder: string): string {
  const path = join(folder, 'master.key')
  if (!existsSync(path)) {
    const draft = `${path}.new`
    writeFileSync(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flush: true })
    renameSync(draft, path)
  }
  const key = readFileSync(path, 'utf8').trim()
  try {
    return settings.masterKey.parse(key)
  } catch (error) {
    throw new Error(`The file ${path} ${(error as Error).message}. Put the right one back.`, { cause: error })
  }
}

function createBackground(observe: Observer): Background & { settled(): Promise<void> } {
  const running = new Set<Promise<void>>()
  return {
    run(name, work) {
      const task: Promise<void> = work()
        .catch((error: unknown) => observe({ type: 'failure', requestId: undefined, during: name, error }))
        .finally(() => running.delete(task))
      running.add(task)
    },
    async settled() {
      while (running.size > 0) await Promise.all(running)
    },
  }
}

async function listen(server: ReturnType<typeof createHttpServer>, { host, port }: Config): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE'
          ? 'the port is in use'
          : error.code === 'EACCES'
            ? 'not permitted'
            : error.message
      reject(new Error(`Cannot listen on ${host}:${port}: ${reason}.`, { cause: error }))
    })
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
}
