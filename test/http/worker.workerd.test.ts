import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import worker from '../../src/entry/worker.ts'
import { httpContract } from '../contracts/http.ts'
import { createWorkerFetch } from './worker-fetch.ts'

const admin = { accessKeyId: 'TEST_ADMIN', secretAccessKey: 'a-secret-for-tests-only' }
const bindings = {
  BLOBS: env.BLOBS,
  DB: env.DB,
  ACCESS_LOG: env.ACCESS_LOG,
  CUTTY_ACCESS_LOG: 'all',
  CUTTY_MASTER_KEY: 'a master key of over 32 characters',
  CUTTY_ADMIN_ACCESS_KEY_ID: admin.accessKeyId,
  CUTTY_ADMIN_SECRET_ACCESS_KEY: admin.secretAccessKey,
}

const fetch = createWorkerFetch(worker, bindings)

httpContract('HTTP in workerd, over D1 and R2', async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  await applyD1Migrations(env.ACCESS_LOG, env.ACCESS_LOG_MIGRATIONS)
  const runJobs = () => worker.scheduled(undefined, bindings)
  return { fetch, admin, racers: 20, runJobs, stop: async () => {} }
})
