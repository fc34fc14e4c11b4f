import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { expect } from 'vitest'
import { startProcess } from '../../entry/child.ts'
import { admin, serverEnv } from '../../entry/test-server.ts'
import { type Ended, runProgram } from '../clients/programs.ts'

/**
 * The round that every client of S3 makes: the same files go up and come down, are listed, copied, described, linked to and
 * deleted. The server is a process of its own, since clients may hold this one up.
 */
export interface Round {
  readonly url: string
  /** `127.0.0.1:port` */
  readonly host: string
  /** Of this round alone; has the files to send in `source`, and room for others. */
  readonly folder: string
  readonly source: string
  readonly files: ReadonlyMap<string, Uint8Array>
  /** With the credentials in the variables that AWS's tools read; throws what it printed unless it ends with 0. */
  run(
    command: string,
    args: readonly string[],
    options?: { env?: Record<string, string>; input?: string },
  ): Promise<Ended>
  stop(): Promise<void>
}

const mebibyte = 1024 ** 2

/** Names that a client, a shell or a signature could get wrong, and sizes around a multipart upload. */
function makeFiles(): ReadonlyMap<string, Uint8Array> {
  const text = (line: string, bytes: number) =>
    Buffer.from(line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes))
  const noise = (bytes: number, seed: string) =>
    createHash('shake256', { outputLength: bytes }).update(seed).digest()
  return new Map<string, Uint8Array>([
    ['plain.txt', text('A line of plain text.\n', 5000)],
    ['empty', new Uint8Array(0)],
    ['one', Buffer.from('1')],
    ['with a space.txt', text('spaces ', 300)],
    ['plus+percent%25&equals=.txt', text('signs ', 300)],
    ["it's (a) 'name'!.txt", text('quotes ', 300)],
    ['ünïcödé ☃ 文件.txt', text('schnee ', 300)],
    ['folder/deeper/data.json', text('{"a":1,"b":[1,2,3]}\n', 70_000)],
    ['folder/noise.bin', noise(300_000, 'small')],
    [
      'large/text.log',
      text('2026-11-21T12:00:00Z info a request was answered in 3 ms\n', 18 * mebibyte + 17),
    ],
    ['large/noise.bin', noise(17 * mebibyte + 1, 'large')],
  ])
}

export async function startRound(): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-s3-'))
  const server = startProcess({ ...serverEnv(join(folder, 'data')) })
  const url = await server.ready
  const source = join(folder, 'source')
  const files = makeFiles()
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(source, name)), { recursive: true })
    await writeFile(join(source, name), bytes)
  }
  const env = {
    HOME: folder,
    AWS_ACCESS_KEY_ID: admin.accessKeyId,
    AWS_SECRET_ACCESS_KEY: admin.secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
  }
  return {
    url,
    host: new URL(url).host,
    folder,
    source,
    files,
    async run(command, args, options = {}) {
      const ended = await runProgram(command, args, {
        env: { ...env, ...options.env },
        input: options.input ?? '',
      })
      if (ended.code !== 0) {
        throw new Error(
          `${command} ${args.join(' ')} ended with ${ended.code}:\n${ended.stderr}\n${ended.stdout.toString()}`,
        )
      }
      return ended
    },
    async stop() {
      server.kill('SIGTERM')
      const { code } = await server.ended
      await rm(folder, { recursive: true })
      expect(code, server.output().stderr).toBe(0)
    },
  }
}

/** The files below a folder are these, byte for byte. */
export async function expectFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  expect(names.toSorted()).toEqual([...files.keys()].toSorted())
  for (const [name, bytes] of files) {
    const found = await readFile(join(folder, name))
    expect(found.equals(bytes), `${name} is what was sent`).toBe(true)
  }
}

/** Names as listings have them, in the byte order of UTF-8. */
export function sortedNames(files: ReadonlyMap<string, Uint8Array>): string[] {
  return [...files.keys()].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}
