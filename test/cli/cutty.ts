import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../src/entry/config.ts'
import { startServer } from '../../src/entry/server.ts'

const cli = join(import.meta.dirname, '../../bin/cutty.js')

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly input?: string | Uint8Array | undefined
  readonly cwd?: string | undefined
}

/** Starts the command line as a process of its own, with none of this one's settings. */
export function spawnCutty(args: readonly string[], { env = {}, cwd }: RunOptions = {}) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('CUTTY_'))
  return spawn(process.execPath, [cli, ...args], { env: { ...Object.fromEntries(own), ...env }, cwd })
}

/** Runs it to its end. */
export async function runCutty(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawnCutty(args, options)
  const stdout: Buffer[] = []
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  // It may end without having read its input.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...status) => resolve(status)),
  )
  return { code, signal, stdout: Buffer.concat(stdout), stderr }
}

export interface TestServer {
  readonly url: string
  /** Its data. */
  readonly folder: string
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Stores a file without a process for it. */
  store(bucket: string, key: string, content: string): Promise<void>
  /** The environment of an administrator. */
  readonly env: Readonly<Record<string, string>>
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>
  /** Runs, expects success, parses the JSON lines. */
  json<T>(args: readonly string[], options?: RunOptions): Promise<T[]>
  stop(): Promise<void>
}

export async function startCutty(): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cutty-cli-'))
  const admin = { accessKeyId: 'CUTTYTESTADMIN', secretAccessKey: 'a-secret-for-tests-only' }
  const settings = {
    CUTTY_PORT: '0',
    CUTTY_DATA: folder,
    CUTTY_LOG: 'none',
    CUTTY_ADMIN_ACCESS_KEY_ID: admin.accessKeyId,
    CUTTY_ADMIN_SECRET_ACCESS_KEY: admin.secretAccessKey,
  }
  const server = await startServer(readConfig([], settings))
  const env = {
    CUTTY_URL: server.url,
    CUTTY_ACCESS_KEY_ID: admin.accessKeyId,
    CUTTY_SECRET_ACCESS_KEY: admin.secretAccessKey,
  }
  const authorization = `Basic ${btoa(`${admin.accessKeyId}:${admin.secretAccessKey}`)}`
  const run = (args: readonly string[], options: RunOptions = {}) =>
    runCutty(args, { ...options, env: options.env ?? env })
  const request = (path: string, init: RequestInit = {}) =>
    fetch(server.url + path, { ...init, headers: { authorization } })
  return {
    url: server.url,
    folder,
    fetch: request,
    async store(bucket, key, content) {
      const path = `/api/v1/buckets/${bucket}/files?key=${encodeURIComponent(key)}`
      // Of a text, fetch would declare a type.
      const { ok, status } = await request(path, { method: 'PUT', body: new TextEncoder().encode(content) })
      if (!ok) throw new Error(`storing ${bucket}/${key} was answered ${status}`)
    },
    env,
    run,
    async json<T>(args: readonly string[], options: RunOptions = {}) {
      const { code, stdout, stderr } = await run([...args, '--json'], options)
      if (code !== 0) throw new Error(`cutty ${args.join(' ')} ended with ${code}: ${stderr}`)
      return parseLines<T>(stdout)
    },
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export function parseLines<T>(stdout: Buffer): T[] {
  const lines = stdout.toString().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T)
}

/** A server that does wrong, which a cutty cannot be made to do. */
export async function startListener(
  listener: RequestListener,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
