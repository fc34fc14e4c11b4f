import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import {
  type CodingRule,
  codingRules,
  defaultPolicy,
  recompressRules,
} from '../../src/core/compression/policy.ts'
import { startCutty } from '../cli/cutty.ts'

const root = join(import.meta.dirname, '../..')
const guide = readFileSync(join(root, 'docs/guides/compression.md'), 'utf8')
const lines = [...guide.matchAll(/^```sh test\n([^]*?)^```$/gm)].flatMap(([, block]) =>
  (block as string).trimEnd().split('\n'),
)

const curl = spawnSync('curl', ['--version']).error === undefined
const absent = !curl && process.env['CUTTY_TEST_ALL'] !== '1'

/** Rows of the table with this title, without the padding. */
function rowsOf(title: string): string[][] {
  const start = guide.indexOf(`| ${title} `)
  expect(start, title).toBeGreaterThan(0)
  const table = guide.slice(guide.lastIndexOf('\n', start) + 1).split('\n\n')[0] as string
  const rows = table.split('\n').map((row) => row.split('|').map((cell) => cell.trim()))
  return rows.slice(2).map((row) => row.slice(1, -1))
}

function describeRule({ kind, sizeBytesMax, choices }: CodingRule): string[] {
  const size =
    sizeBytesMax === Number.POSITIVE_INFINITY
      ? 'any size'
      : sizeBytesMax >= 1024 ** 2
        ? `${sizeBytesMax / 1024 ** 2} MiB`
        : `${sizeBytesMax / 1024} KiB`
  return [kind, size, choices.map(({ codec, level }) => `${codec}-${level}`).join(', ')]
}

describe('the guide to compression', () => {
  test('has the numbers that the code has', () => {
    const { minimumBytes, minimumGain } = defaultPolicy
    expect(guide.replaceAll('\n', ' ')).toContain(`files below ${minimumBytes} bytes;`)
    expect(guide).toContain(`saves ${minimumGain * 100} %`)
    expect(rowsOf('Stored as')).toEqual(codingRules.map(describeRule))
    expect(rowsOf('Stored again as')).toEqual(recompressRules.map(describeRule))
  })

  test.skipIf(absent)(
    `its commands do what it says${absent ? ' (curl is not installed: not run)' : ''}`,
    async () => {
      const server = await startCutty()
      const folder = mkdtempSync(join(tmpdir(), 'cutty-guide-'))
      const bin = join(folder, 'bin')
      mkdirSync(bin)
      const script = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/cutty.js')}' "$@"\n`
      writeFileSync(join(bin, 'cutty'), script, { mode: 0o755 })
      const log = Array.from({ length: 3000 }, (_, i) => `10:${i % 60} GET /files/${i * 7919} 200\n`).join('')
      writeFileSync(join(folder, 'access.log'), log)
      const shell = spawn('sh', ['-euc', lines.join('\necho; echo ----\n')], {
        cwd: folder,
        env: {
          ...process.env,
          ...server.env,
          KEY: `${server.env['CUTTY_ACCESS_KEY_ID']}:${server.env['CUTTY_SECRET_ACCESS_KEY']}`,
          PATH: `${bin}${delimiter}${process.env['PATH']}`,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const closed = once(shell, 'close')
      const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)])
      const [code] = (await closed) as [number]
      const info = async (key: string) =>
        (await (await server.fetch(`/api/v1/buckets/logs/files/${key}?info`)).json()) as object
      const files = {
        uploaded: await info('access.log'),
        best: await info('best.log'),
        plain: await info('plain.log'),
      }
      await server.stop()
      rmSync(folder, { recursive: true })

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const printed = new Map(
        stdout.split('----\n').map((part, index) => [lines[index] as string, part.trim()]),
      )
      const of = (begin: string) =>
        [...printed].find(([line]) => line.startsWith(begin))?.[1] ?? `nothing was printed for ${begin}`
      expect(JSON.parse(of('curl -fsS -u "$KEY" "$CUTTY_URL'))).toMatchObject({
        compression: { reason: 'compressed' },
      })
      expect(of('cutty analyze')).toContain('An upload would be stored with ')
      expect(of('cutty stats')).toMatch(/^ *3 .* logs$/m)
      expect(of('cutty compress --dry-run logs')).toContain('Recommended for logs: ')
      expect(of('cutty compress --dry-run logs --storage')).toContain('At 0.023 USD per GB')
      expect(of('cutty compress logs')).toMatch(/^Looked at 3 files, stored \d again/)
      expect(of('cutty jobs "$ID"')).toMatch(/^kind +recompress$/m)
      expect(of('cutty scrub')).toContain(': 0 damaged.')
      expect(files).toMatchObject({
        best: { codec: expect.not.stringMatching('identity') as string },
        plain: { sizeBytes: log.length },
      })
    },
  )
})
