import { waitUntil } from 'cloudflare:workers'
import { createD1Database, type D1DatabaseLike } from '../adapters/d1/database.ts'
import { createR2BlobStore } from '../adapters/r2/blob-store.ts'
import type { R2BucketLike } from '../adapters/r2/client.ts'
import type { KeyPair } from '../core/accounts/credentials.ts'
import { checkMasterKey } from '../core/accounts/master-key.ts'
import { createSecretBox } from '../core/accounts/secret-box.ts'
import { ensureAdministrator } from '../core/accounts/users.ts'
import { createBlobCache } from '../core/cache/blob-cache.ts'
import { createReadCache } from '../core/cache/read-cache.ts'
import type { Core } from '../core/core.ts'
import { collectGarbage, sweepOrphans } from '../core/files/collect.ts'
import { removeOldJobs, scheduleScrub } from '../core/jobs/jobs.ts'
import type { Pause } from '../core/jobs/rate.ts'
import { createJobRunner } from '../core/jobs/runner.ts'
import { createIdSource } from '../core/ids.ts'
import { systemClock } from '../core/ports/clock.ts'
import type { Observer } from '../core/ports/observer.ts'
import { endlessRoom } from '../core/ports/room.ts'
import { statements } from '../core/statements/registry.ts'
import { type App, createApp } from '../http/app.ts'
import { settings } from './config.ts'
import { formatEvent } from './log.ts'
import { testedCodecs } from './tested-codecs.ts'
import { serveFetch } from './worker-http.ts'

/** The bindings of `wrangler.jsonc`, and the secrets. */
export interface Env {
  readonly BLOBS: R2BucketLike
  readonly DB: D1DatabaseLike
  /** At least 32 characters. `wrangler secret put CUTTY_MASTER_KEY`. */
  readonly CUTTY_MASTER_KEY?: string
  readonly CUTTY_ADMIN_ACCESS_KEY_ID?: string
  readonly CUTTY_ADMIN_SECRET_ACCESS_KEY?: string
  /** Of {@link settings}. */
  readonly CUTTY_SCRUB_DAYS?: string
}

/** Some seconds of the 30 that a request may compute: what is longer, as far as that is known, is kept as it is. */
const compressBytesMax = 256 * 1024 ** 2
/** At the 2 MB/s of the strongest level, what a run of the schedule may compute: 30 seconds where it runs every few minutes. */
const recompressBytesMax = 16 * 1024 ** 2
/** Begins no step of a job after this long. */
const jobsBudgetMs = 20_000
/** An isolate has 128 MB, shared by all of its requests. */
const cacheBytesMax = 16 * 1024 ** 2
const cacheEntryBytesMax = 256 * 1024
/** Longer than any read: a Worker's request may stream for hours, and R2 ends it when the object goes. */
const garbageGraceMs = 24 * 3_600_000
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

async function join(env: Env): Promise<{ core: Core; app: App }> {
  const masterKey = env.CUTTY_MASTER_KEY ?? ''
  if (masterKey.length < 32) {
    throw new Error('The secret CUTTY_MASTER_KEY is not set, or has fewer than 32 characters.')
  }
  const database = createD1Database(env.DB, { statements })
  const core: Core = {
    database,
    blobs: createR2BlobStore(env.BLOBS, {
      fixedLengthStream: (sizeBytes) => new FixedLengthStream(sizeBytes),
    }),
    compression: {
      available: await testedCodecs(observe),
      framesAtOnce: 1,
      compressBytesMax,
      recompressBytesMax,
    },
    cache: createBlobCache({ bytesMax: cacheBytesMax, entryBytesMax: cacheEntryBytesMax }),
    // R2 grows with what is put into it.
    room: endlessRoom,
    pointers: createReadCache(database),
    accessKeys: createReadCache(database),
    tokens: createReadCache(database),
    clock: systemClock,
    ids: createIdSource(systemClock),
    background: {
      run(name, work) {
        waitUntil(
          work().catch((error: unknown) =>
            observe({ type: 'failure', requestId: undefined, during: name, error }),
          ),
        )
      },
    },
    // The schedule looks for them.
    wakeJobs() {},
    observe,
    secrets: createSecretBox(new TextEncoder().encode(masterKey)),
  }
  await checkMasterKey(core)
  // Nobody would see a made-up key here: the first administrator's comes from the secrets.
  const admin = readAdmin(env)
  if (admin) await ensureAdministrator(core, admin)
  return { core, app: createApp(core) }
}

/** Nothing stops a Worker but its end. */
const pause: Pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Workers Logs index JSON by its members. Requests are logged by the platform already. */
const observe: Observer = (event) => {
  const line = formatEvent(event, 'errors')
  if (line !== undefined) console.log(`{${line}}`)
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      const { app } = await start(env)
      return await serveFetch(app, request)
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
    await collectGarbage(core, { graceMs: garbageGraceMs })
    await sweepOrphans(core, { beforeMs: core.clock.now() - uploadMsMax })
    await removeOldJobs(core)
    await scheduleScrub(core, {
      days: settings.scrubDays.parse(env.CUTTY_SCRUB_DAYS ?? settings.scrubDays.default),
    })
    await createJobRunner(core, { pause }).run({ budgetMs: jobsBudgetMs })
  },
}
