import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseLines, runCutty, spawnCutty } from './cutty.ts'

test('serve starts the server, prints the first key once, and SIGTERM ends it', async () => {
  const data = mkdtempSync(join(tmpdir(), 'cutty-cli-serve-'))
  const child = spawnCutty(['serve', '--port', '0', '--data', data])
  let printed = ''
  let logged = Buffer.alloc(0)
  child.stdout.on('data', (chunk: Buffer) => (logged = Buffer.concat([logged, chunk])))
  const url = await new Promise<string>((resolve) =>
    child.stderr.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      const found = /listens on (\S+)[^]*keys create --user (\S+)/.exec(printed)
      if (found) resolve(found[1] as string)
    }),
  )
  const found = /access key id +(\S+)\s+secret access key +(\S+)/.exec(printed) as unknown as string[]
  const env = { CUTTY_URL: url, CUTTY_ACCESS_KEY_ID: found[1]!, CUTTY_SECRET_ACCESS_KEY: found[2]! }
  // As the server advises.
  const user = /keys create --user (\S+)/.exec(printed)?.[1] as string
  expect(await runCutty(['keys', 'create', '--user', user], { env })).toMatchObject({ code: 0 })

  // Its folder has one owner.
  const second = await runCutty(['serve', '--port', '0', '--data', data])
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('is in use by process') as string })

  child.kill('SIGTERM')
  const [code] = (await once(child, 'close')) as [number]
  expect(code).toBe(0)
  expect(parseLines<{ event: string }>(logged).length).toBeGreaterThan(1)
  rmSync(data, { recursive: true })
}, 30_000)
