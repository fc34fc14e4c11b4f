import { createJobRunner } from '../../src/core/jobs/runner.ts'
import { createApp } from '../../src/http/app.ts'
import { rawTargetTests } from '../contracts/http/keys.ts'
import { httpContract } from '../contracts/http.ts'
import { openTestCore } from '../core/test-core.ts'
import { createInProcessFetch } from './in-process.ts'

async function start() {
  const { core, adminKey, close } = await openTestCore({ accessLog: true })
  const runJobs = () => createJobRunner(core, { pause: async () => {} }).run()
  return { fetch: createInProcessFetch(createApp(core)), admin: adminKey, runJobs, stop: close }
}

httpContract('HTTP in process, over SQLite and the disk', start, rawTargetTests)
