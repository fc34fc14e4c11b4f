import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { startCutty, type TestServer } from '../cli/cutty.ts'

const root = join(import.meta.dirname, '../..')
const curl = spawnSync('curl', ['--version']).error === undefined
// A fresh machine may have none; where everything is promised, its absence is a failure.
const absent = !curl && process.env['CUTTY_TEST_ALL'] !== '1'

/** A page whose blocks of `sh test` are commands that can be run. */
export interface Guide {
  readonly text: string
  readonly blocks: readonly string[]
  /** Of all blocks. */
  readonly lines: readonly string[]
}

export function readGuide(path: string): Guide {
  const page = readFileSync(join(root, path), 'utf8')
  const blocks = [...page.matchAll(/^```sh test\n([^]*?)^```$/gm)].map(([, block]) => block as string)
  return { text: page, blocks, lines: blocks.flatMap((block) => block.trimEnd().split('\n')) }
}

export interface RunningGuide {
  readonly server: TestServer
  /** What each line has printed. */
  readonly printed: readonly string[]
  /** What the first line has printed that begins so. */
  of(begin: string): string
}

/**
 * A test that runs all lines in one shell, against a server of its own, with `files` in its folder; then `check` has a look,
 * while the server still runs.
 */
export function testCommands(
  name: string,
  { lines }: Guide,
  options: {
    files?: Readonly<Record<string, string | Uint8Array>>
    check: (ran: RunningGuide) => void | Promise<void>
  },
): void {
  const { files = {}, check } = options
  test.skipIf(absent)(`${name}${absent ? ' (curl is not installed: not run)' : ''}`, async () => {
    const server = await startCutty()
    const folder = mkdtempSync(join(tmpdir(), 'cutty-guide-'))
    try {
      const bin = join(folder, 'bin')
      mkdirSync(bin)
      const script = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/cutty.js')}' "$@"\n`
      writeFileSync(join(bin, 'cutty'), script, { mode: 0o755 })
      for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content)
      // A line of its own after each command's output, since JSON replies have none.
      const shell = spawn('sh', ['-euc', lines.join('\necho; echo ----\n')], {
        cwd: folder,
        env: {
          ...process.env,
          ...server.env,
          URL: server.url,
          CUTTY_DATA: server.folder,
          KEY: `${server.env['CUTTY_ACCESS_KEY_ID']}:${server.env['CUTTY_SECRET_ACCESS_KEY']}`,
          PATH: `${bin}${delimiter}${process.env['PATH']}`,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const closed = once(shell, 'close')
      const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)])
      const [code] = (await closed) as [number]
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const printed = stdout.split('----\n').map((part) => part.trim())
      await check({
        server,
        printed,
        of(begin) {
          const at = lines.findIndex((line) => line.startsWith(begin))
          return printed[at] ?? `nothing was printed for ${begin}`
        },
      })
    } finally {
      await server.stop()
      rmSync(folder, { recursive: true })
    }
  })
}
