import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { startCutty } from '../cli/cutty.ts'

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
const blocks = [...readme.matchAll(/^```sh test\n([^]*?)^```$/gm)].map(([, block]) => block as string)

const curl = spawnSync('curl', ['--version']).error === undefined
// A fresh machine may have none; where everything is promised, its absence is a failure.
const absent = !curl && process.env['CUTTY_TEST_ALL'] !== '1'

describe('the README', () => {
  test('has ten lines of use', () => {
    expect(blocks).toHaveLength(1)
    expect(blocks[0]?.trimEnd().split('\n')).toHaveLength(10)
  })

  test.skipIf(absent)(
    `its lines do what they say${absent ? ' (curl is not installed: not run)' : ''}`,
    async () => {
      const server = await startCutty()
      const folder = mkdtempSync(join(tmpdir(), 'cutty-readme-'))
      const KEY = `${server.env['CUTTY_ACCESS_KEY_ID']}:${server.env['CUTTY_SECRET_ACCESS_KEY']}`
      // A line of its own after each command's output, since JSON replies have none.
      const script = (blocks[0] as string).trimEnd().split('\n').join('\necho; echo ----\n')
      const shell = spawn('sh', ['-euc', script], {
        cwd: folder,
        env: { ...process.env, URL: server.url, KEY },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const closed = once(shell, 'close')
      const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)])
      const [code] = (await closed) as [number]
      await server.stop()
      rmSync(folder, { recursive: true })

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const printed = stdout.split('----\n').map((part) => part.trim())
      const json = (line: number) => JSON.parse(printed[line] as string) as Record<string, unknown>
      expect(json(0)).toMatchObject({ name: 'notes', visibility: 'private' })
      expect(json(2)).toMatchObject({
        key: '2026/hello.txt',
        sizeBytes: 19,
        contentType: 'text/plain; charset=utf-8',
      })
      expect(printed[3]).toBe('Hello, file store.')
      expect(printed[4]).toBe('file')
      expect(json(5)).toMatchObject({ files: [{ key: 'hello.txt' }, { key: 'again.txt' }] })
      expect(json(6)).toMatchObject({
        files: [{ key: 'again.txt' }, { key: 'hello.txt' }],
        commonPrefixes: ['2026/'],
      })
      expect(json(7)).toMatchObject({ visibility: 'public' })
      expect(printed[8]).toBe('Hello, file store.')
      expect(printed[9]).toBe('')
    },
  )
})
