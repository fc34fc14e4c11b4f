import { waitUntil } from 'cloudflare:workers'
import { createD1Database, type D1DatabaseLike } from '../adapters/d1/database.ts'
import { createEdgeCacheTier, type EdgeCacheLike, probeTier } from '../adapters/cache-api/cache-tier.ts'
import { createKvCacheTier, type KvNamespaceLike } from '../adapters/kv/cache-tier.ts'
import { createR2BlobStore } from '../adapters/r2/blob-store.ts'
import { createMemoryCacheTier } from '../adapters/memory/cache-tier.ts'
import type { R2BucketLike } from '../adapters/r2/client.ts'
import { type AccessLog, createAccessLog, databaseOf } from '../core/access-log/access-log.ts'
import type { KeyPair } from '../core/accounts/credentials.ts'
import { checkMasterKey } from '../core/accounts/master-key.ts'
import { createSecretBox } from '../core/accounts/secret-box.ts'
import { ensureAdministrator } from '../core/accounts/users.ts'
import { createByteCaches, createKeyHash, type LowerTier } from '../core/cache/byte-caches.ts'
import { createSingleFlight } from '../core/cache/single-flight.ts'
import type { Core } from '../core/core.ts'
import { createRowCaches } from '../core/row-caches.ts'
import { collectGarbage, sweepOrphans } from '../core/files/collect.ts'
import { expireUploads } from '../core/files/uploads.ts'
import { removeOldJobs, scheduleScrub } from '../core/jobs/jobs.ts'
import { removeExpiredLinks } from '../core/links/revoke.ts'
import type { Pause } from '../core/jobs/rate.ts'
import { createJobRunner } from '../core/jobs/runner.ts'
import { createIdSource } from '../core/ids.ts'
import type { Background } from '../core/ports/background.ts'
import { systemClock } from '../core/ports/clock.ts'
import type { Database, StatementRun } from '../core/ports/database.ts'
import type { Observer } from '../core/ports/observer.ts'
import { endlessRoom } from '../core/ports/room.ts'
import { createSignedBookmarks } from '../core/signed-bookmarks.ts'
import { createStatementRuns } from '../core/statement-stats/runs.ts'
import { saveStatementRunsWhenDue } from '../core/statement-stats/save.ts'
import { accessLogStatements, statements } from '../core/statements/registry.ts'
import { type App, createApp } from '../http/app.ts'
import type { S3Options } from '../http/s3/s3.ts'
import { settings } from './config.ts'
import { formatEvent } from './log.ts'
import { testedCodecs } from './tested-codecs.ts'
import { serveFetch } from './worker-http.ts'

/** The bindings of `wrangler.jsonc`, and the secrets. */
export interface Env {
  readonly BLOBS: R2BucketLike
  readonly DB: D1DatabaseLike
  /** Optional: every request. */
  readonly ACCESS_LOG?: D1DatabaseLike
  /** Optional: bytes for all data centres. Each miss that it fills costs a write. */
  readonly CACHE?: KvNamespaceLike
  /** At least 32 characters. `wrangler secret put CUTTY_MASTER_KEY`. */
  readonly CUTTY_MASTER_KEY?: string
  readonly CUTTY_ADMIN_ACCESS_KEY_ID?: string
  readonly CUTTY_ADMIN_SECRET_ACCESS_KEY?: string
  /** Of {@link settings}. */
  readonly CUTTY_SCRUB_DAYS?: string
  /** 200 where it is not set. */
  readonly CUTTY_SLOW_STATEMENT_MS?: string
  readonly CUTTY_ACCESS_LOG?: string
  readonly CUTTY_ACCESS_LOG_DAYS?: string
  readonly CUTTY_ACCESS_LOG_ROWS?: string
  readonly CUTTY_PUBLIC_ORIGIN?: string
  readonly CUTTY_S3_BASE_DOMAIN?: string
  /** `on`: copies of D1 near the reader answer too, where D1 has them. Else, or `off`: its primary answers all. */
  readonly CUTTY_READ_REPLICAS?: string
}

/** Some seconds of the 30 that a request may compute: what is longer, as far as that is known, is kept as it is. */
const compressBytesMax = 256 * 1024 ** 2
/** At the 2 MB/s of the strongest level, what a run of the schedule may compute: 30 seconds where it runs every few minutes. */
const recompressBytesMax = 16 * 1024 ** 2
/** Begins no step of a job after this long. */
const jobsBudgetMs = 20_000
/** An isolate has 128 MB, shared by all of its requests. */
const cacheBytesMax = 16 * 1024 ** 2
const cacheEntryBytesMax = 1024 ** 2
/** What was deleted is gone from the data centres' caches and KV after so long. */
const cacheLifeMs = 24 * 3_600_000
/**
 * Of pointers some 3,500; workerd takes half of what is counted. An entry may be an eighth: with 4 MiB a page of 1,000 files, which
 * counts as 0.6, was never kept.
 */
const rowBytesMax = 8 * 1024 ** 2
/** A read whose own request has ended never ends: who waits for it asks again after this long. */
const flightTimeoutMs = 2000
/** What R2 takes for the same is some 50 ms: a tier that is slower than that is in trouble. */
const edgeBudgetMs = 100
const kvBudgetMs = 200
/** Longer than any read: a Worker's request may stream for hours, and R2 ends it when the object goes. */
const garbageGraceMs = 24 * 3_600_000
/** What is slow for a database that answers to many others too. */
const slowStatementMs = '200'
/** Requests of so long share a round trip to the access log. */
const saveAccessesAfterMs = 1000
/** No copy of D1 may answer with what is older: half of how long a credential may be used that was revoked. */
const replicaRenewMs = 1000
/** Longer than any upload: what is older and has no row belongs to nobody. */
const uploadMsMax = 24 * 3_600_000

/** One for each isolate: what is parsed and prepared once. */
let application: Promise<{ core: Core; app: App }> | undefined

function start(env: Env): Promise<{ core: Core; app: App }> {
  if (!application) {
    application = join(env).catch((error: unknown) => {
      // The next request tries again: a binding may have been out of reach.
      application = undefined
      throw error
    })
    // Or the promise would end with the request that began it, and hang every other one, when its client goes away.
    waitUntil(application.catch(() => {}))
  }
  return application
}

/** The settings of the server, as secrets; both or none. */
function readAdmin(env: Env): KeyPair | undefined {
  const { adminAccessKeyId, adminSecretAccessKey } = settings
  const { CUTTY_ADMIN_ACCESS_KEY_ID: id, CUTTY_ADMIN_SECRET_ACCESS_KEY: secret } = env
  if (!id && !secret) return undefined
  try {
    return {
      accessKeyId: adminAccessKeyId.parse(id ?? ''),
      secretAccessKey: adminSecretAccessKey.parse(secret ?? ''),
    }
  } catch (error) {
    const names = `${adminAccessKeyId.env} or ${adminSecretAccessKey.env}`
    throw new Error(`The secret ${names} ${(error as Error).message}.`, { cause: error })
  }
}

/** Where clients see this service, and its buckets. */
function readPlaces(env: Env): S3Options {
  const { publicOrigin, s3BaseDomain } = settings
  const { CUTTY_PUBLIC_ORIGIN: origin, CUTTY_S3_BASE_DOMAIN: domains } = env
  return {
    ...(origin && { publicOrigin: publicOrigin.parse(origin) }),
    ...(domains && { baseDomains: s3BaseDomain.parse(domains) }),
  }
}

/** With D1's copies, if they are wanted. */
function openDatabase(env: Env, onRun: (run: StatementRun) => void): Database {
  const { CUTTY_READ_REPLICAS: wanted = 'off' } = env
  if (wanted !== 'on' && wanted !== 'off')
    throw new Error(`The variable CUTTY_READ_REPLICAS must be on or off, not “${wanted}”.`)
  const replicas = { renewMs: replicaRenewMs, monotonic: () => systemClock.monotonic() }
  return createD1Database(env.DB, { statements, onRun, ...(wanted === 'on' && { replicas }) })
}

async function join(env: Env): Promise<{ core: Core; app: App }> {
  const masterKey = env.CUTTY_MASTER_KEY ?? ''
  if (masterKey.length < 32) {
    throw new Error('The secret CUTTY_MASTER_KEY is not set, or has fewer than 32 characters.')
  }
  const statementRuns = createStatementRuns({
    slowMs: settings.slowStatementMs.parse(env.CUTTY_SLOW_STATEMENT_MS ?? slowStatementMs),
    clock: systemClock,
    background,
    observe,
    explain: (statement) => databaseOf(statement, { database, accessLog }).explain(statement),
  })
  const accessLog = openAccessLog(env, statementRuns.note)
  const database = openDatabase(env, statementRuns.note)
  const rowCaches = createRowCaches({
    database,
    bytesMax: rowBytesMax,
    clock: systemClock,
    background,
    flight: createSingleFlight({ timeoutMs: flightTimeoutMs, keepAlive: waitUntil }),
  })
  const { bookmarks } = rowCaches.database
  const byteCaches = createByteCaches({
    memory: createMemoryCacheTier({ bytesMax: cacheBytesMax, clock: systemClock }),
    lower: await findLowerTiers(env, createKeyHash(masterKey)),
    entryBytesMax: cacheEntryBytesMax,
    lifeMs: cacheLifeMs,
    keepAlive: waitUntil,
    masterKey,
    clock: systemClock,
    background,
    observe,
  })
  const core: Core = {
    ...rowCaches,
    statementRuns,
    blobs: createR2BlobStore(env.BLOBS, {
      fixedLengthStream: (sizeBytes) => new FixedLengthStream(sizeBytes),
    }),
    compression: {
      available: await testedCodecs(observe),
      framesAtOnce: 1,
      compressBytesMax,
      recompressBytesMax,
    },
    ...byteCaches,
    // R2 grows with what is put into it.
    room: endlessRoom,
    clock: systemClock,
    ids: createIdSource(systemClock),
    background,
    // The schedule looks for them.
    wakeJobs() {},
    observe: accessLog ? observeRequests(accessLog) : observe,
    accessLog,
    secrets: createSecretBox(new TextEncoder().encode(masterKey)),
    bookmarks:
      bookmarks && createSignedBookmarks({ bookmarks, masterKey: new TextEncoder().encode(masterKey) }),
  }
  await checkMasterKey(core)
  // Nobody would see a made-up key here: the first administrator's comes from the secrets.
  const admin = readAdmin(env)
  if (admin) await ensureAdministrator(core, admin)
  return { core, app: createApp(core, readPlaces(env)) }
}

/**
 * The data centre's cache, where this host has one that keeps anything (none has on `workers.dev`), and KV, where it is bound.
 */
async function findLowerTiers(env: Env, hashKey: (key: string) => string): Promise<LowerTier[]> {
  const lower: LowerTier[] = []
  try {
    const cache = (await caches.open('cutty')) as EdgeCacheLike
    const tier = createEdgeCacheTier({ cache, hashKey, clock: systemClock })
    if (await probeTier(tier, systemClock)) lower.push({ tier, budgetMs: edgeBudgetMs })
    else observe({ type: 'lifecycle', message: 'the edge cache keeps nothing on this host' })
  } catch (error) {
    observe({ type: 'cache_tier', tier: 'edge', action: 'failed', error })
  }
  if (env.CACHE) {
    const { CACHE: namespace } = env
    lower.push({ tier: createKvCacheTier({ namespace, hashKey, clock: systemClock }), budgetMs: kvBudgetMs })
  }
  return lower
}

const background: Background = {
  run(name, work) {
    waitUntil(
      work().catch((error: unknown) =>
        observe({ type: 'failure', requestId: undefined, during: name, error }),
      ),
    )
  },
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
/** Nothing stops a Worker but its end. */
const pause: Pause = wait

/** Where its database is bound. */
function openAccessLog(env: Env, onRun: (run: StatementRun) => void): AccessLog | undefined {
  if (!env.ACCESS_LOG) return undefined
  const { accessLog, accessLogDays, accessLogRows } = settings
  const scope = accessLog.parse(env.CUTTY_ACCESS_LOG ?? accessLog.default)
  if (scope === 'none') return undefined
  return createAccessLog({
    database: createD1Database(env.ACCESS_LOG, { statements: accessLogStatements, onRun }),
    room: endlessRoom,
    clock: systemClock,
    observe,
    scope,
    days: accessLogDays.parse(env.CUTTY_ACCESS_LOG_DAYS ?? accessLogDays.default),
    rowsMax: accessLogRows.parse(env.CUTTY_ACCESS_LOG_ROWS ?? accessLogRows.default),
  })
}

/** Notes each request, and sees to it that it is written down soon, while a request keeps the isolate alive. */
function observeRequests(log: AccessLog): Observer {
  let dueMs = Number.NEGATIVE_INFINITY
  return (event) => {
    observe(event)
    if (event.type !== 'request') return
    log.note(event)
    const nowMs = systemClock.monotonic()
    // One who promised it and was ended before is not waited for.
    if (nowMs < dueMs + saveAccessesAfterMs || !log.hasUnsaved()) return
    dueMs = nowMs + saveAccessesAfterMs
    background.run('write the access log', async () => {
      await wait(saveAccessesAfterMs)
      dueMs = Number.NEGATIVE_INFINITY
      await log.save()
    })
  }
}

/** Workers Logs index JSON by its members. Requests are logged by the platform already. */
const observe: Observer = (event) => {
  const line = formatEvent(event, 'errors')
  if (line !== undefined) console.log(`{${line}}`)
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      const { core, app } = await start(env)
      core.statementRuns.turn()
      const response = await serveFetch(app, request)
      saveStatementRunsWhenDue(core)
      return response
    } catch (error) {
      observe({ type: 'failure', requestId: undefined, during: 'start', error })
      const body = JSON.stringify({
        type: '/api/v1/docs#error-not_ready',
        title: 'The service is not ready',
        status: 503,
        code: 'not_ready',
        detail: 'The service could not start; its log says why.',
      })
      return new Response(body, { status: 503, headers: { 'Content-Type': 'application/problem+json' } })
    }
  },

  async scheduled(_event: unknown, env: Env): Promise<void> {
    const { core } = await start(env)
    core.statementRuns.turn()
    await expireUploads(core)
    await collectGarbage(core, { graceMs: garbageGraceMs })
    await removeExpiredLinks(core)
    await sweepOrphans(core, { beforeMs: core.clock.now() - uploadMsMax })
    await removeOldJobs(core)
    await core.accessLog?.removeOld()
    await scheduleScrub(core, {
      days: settings.scrubDays.parse(env.CUTTY_SCRUB_DAYS ?? settings.scrubDays.default),
    })
    await createJobRunner(core, { pause }).run({ budgetMs: jobsBudgetMs })
    saveStatementRunsWhenDue(core)
  },
}
