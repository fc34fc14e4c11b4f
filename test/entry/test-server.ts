import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../src/entry/config.ts'
import { startServer } from '../../src/entry/server.ts'
import type { HttpCredentials } from '../contracts/http/subject.ts'

export const admin: HttpCredentials = {
  accessKeyId: 'TEST_ADMIN',
  secretAccessKey: 'a-secret-for-tests-only',
}

export interface TestServer {
  readonly url: string
  readonly folder: string
  stop(): Promise<void>
}

/** A server in this process, on a free port and a folder of its own. */
export async function startTestServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-server-'))
  const server = await startServer(readConfig([], serverEnv(folder)))
  return {
    url: server.url,
    folder,
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true })
    },
  }
}

export function serverEnv(folder: string): Record<string, string> {
  return {
    CUTTY_DATA: folder,
    CUTTY_PORT: '0',
    CUTTY_LOG: 'none',
    CUTTY_ACCESS_LOG: 'all',
    CUTTY_ADMIN_ACCESS_KEY_ID: admin.accessKeyId,
    CUTTY_ADMIN_SECRET_ACCESS_KEY: admin.secretAccessKey,
  }
}
