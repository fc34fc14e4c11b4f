import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, startProcess } from './processes.ts'
import { generateBytes } from './bytes.ts'
import type { Content } from './bytes.ts'
import type { Core, RunningProcess } from './processes.ts'

/** A cutty server of its own, with what scenarios need of its API. */
export interface Subject extends RunningProcess {
  readonly host: string
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
  filePath(key: string): string
  createBucket(visibility: 'public' | 'private'): Promise<void>
  /** Uploads a file and reads it back; throws when a byte differs. */
  putFile(path: string, content: Content, headers?: Readonly<Record<string, string>>): Promise<void>
  /** Throws when the file is not these bytes. */
  checkFile(path: string, expected: Buffer): Promise<void>
}

export const bucket = 'bench'

/** The administrator's, in the form of `src/core/sigv4`. */
export const accessKey = {
  accessKeyId: 'CUTTYBENCHADMIN00000',
  secret: 'bench-only-0123456789abcdef0123456789abcdef',
} as const

export interface SubjectOptions {
  /** The command's file, as `npm start` runs it. */
  readonly entry: string
  /** Kept when it exists: a server can be started again on what another one left. */
  readonly dataFolder: string
  /** Write a `.cpuprofile` here when it stops. */
  readonly profileFolder?: string | undefined
  /** `server` when left out. */
  readonly core?: Core | undefined
}

export async function startSubject(options: SubjectOptions): Promise<Subject> {
  const { entry, dataFolder, profileFolder, core = 'server' } = options
  mkdirSync(dataFolder, { recursive: true })
  const host = '127.0.0.1'
  const port = await freePort()
  const origin = `http://${host}:${port}`
  const headers = {
    authorization: `Basic ${Buffer.from(`${accessKey.accessKeyId}:${accessKey.secret}`).toString('base64')}`,
  }
  const process = await startProcess({
    args: [...(profileFolder ? ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`] : []), entry, 'serve'],
    core,
    env: {
      CUTTY_HOST: host,
      CUTTY_PORT: String(port),
      CUTTY_DATA: dataFolder,
      CUTTY_ADMIN_ACCESS_KEY_ID: accessKey.accessKeyId,
      CUTTY_ADMIN_SECRET_ACCESS_KEY: accessKey.secret,
    },
    logPath: join(dataFolder, 'server.log'),
    readyUrl: `${origin}/ready`,
  })

  async function checkFile(path: string, expected: Buffer): Promise<void> {
    const response = await expectStatus(200, await fetch(`${origin}${path}`, { headers }))
    const actual = Buffer.from(await response.arrayBuffer())
    if (!actual.equals(expected)) throw new Error(`${path} came back with other bytes than were put`)
  }

  return {
    ...process,
    host,
    port,
    headers,
    filePath,
    checkFile,
    async createBucket(visibility) {
      const response = await fetch(`${origin}/api/v1/buckets`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ name: bucket, visibility }),
      })
      await (await expectStatus(201, response)).arrayBuffer()
    },
    async putFile(path, content, more) {
      const bytes = generateBytes(content)
      const response = await fetch(`${origin}${path}`, {
        method: 'PUT',
        headers: { ...headers, 'content-type': 'application/octet-stream', ...more },
        body: new Uint8Array(bytes),
      })
      await (await expectStatus(201, response)).arrayBuffer()
      await checkFile(path, bytes)
    },
  }
}

async function expectStatus(status: number, response: Response): Promise<Response> {
  if (response.status === status) return response
  throw new Error(`${response.url} answered ${response.status}: ${(await response.text()).slice(0, 500)}`)
}

function filePath(key: string): string {
  return `/api/v1/buckets/${bucket}/files/${key}`
}
