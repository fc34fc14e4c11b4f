/**
 * curl 7.88.1 of Debian 12, with zlib, brotli 1.0.9 and libzstd 1.5.4. Measured: `--compressed` asks for `deflate,
 * gzip, br, zstd`, without it for nothing. It decodes whole: zstd of one frame and of many, gzip and deflate in flushed
 * frames, brotli. It finds damage in zstd, gzip and deflate (exit code 61), in brotli only where the stream becomes
 * invalid. A stream that is cut short is a success to it if the lengths agree.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seenAcceptEncoding } from './accept-encoding.ts'
import { canRun, isEverythingPromised, named, runProgram } from './programs.ts'
import {
  damages,
  type Download,
  expectPassedThrough,
  expectWhole,
  startStore,
  type Store,
  type StoredFile,
} from './stored-files.ts'

const absent = !canRun('curl', ['--version']) && !isEverythingPromised
const codings = ['deflate', 'gzip', 'br', 'zstd']

/** One process for all, as `curl --config` runs them; their bodies go through a folder. */
async function downloadAll(
  files: readonly Pick<StoredFile, 'url'>[],
  args: readonly string[],
): Promise<Download[]> {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-curl-'))
  try {
    const path = (i: number) => join(folder, String(i))
    const config = files.map(({ url }, i) => `url = "${url}"\noutput = "${path(i)}"\n`).join('')
    const note = '%{exitcode} %header{content-encoding}\\n'
    const { stdout } = await runProgram('curl', ['-s', ...args, '-w', note, '--config', '-'], {
      input: config,
    })
    const notes = stdout.toString().trimEnd().split('\n')
    return await Promise.all(
      files.map(async (_, i) => {
        const [code, contentEncoding = ''] = (notes[i] ?? 'none').split(' ')
        if (code !== '0') return { error: `exit code ${code}` }
        const bytes = await readFile(path(i))
        const sha256 = createHash('sha256').update(bytes).digest('hex')
        return { sha256, sizeBytes: bytes.length, contentEncoding }
      }),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

describe.skipIf(absent)(named('curl', absent), () => {
  let store: Store
  beforeAll(async () => {
    store = await startStore()
  })
  afterAll(() => store.stop())

  test('asks for what this file says it asks for', async () => {
    const ask = (args: readonly string[]) => seenAcceptEncoding((url) => downloadAll([{ url }], args))
    expect(await ask(['--compressed'])).toBe('deflate, gzip, br, zstd')
    expect(await ask([])).toBe('none')
  })

  test('with --compressed: every coding is passed through and comes out whole (R14)', async () => {
    const downloads = await downloadAll(store.files, ['--compressed'])
    expectWhole(store.files, downloads)
    expectPassedThrough(store.files, downloads, { accepts: codings, readsSeveralFrames: true })
  })

  test('without it: every file comes decoded (R12)', async () => {
    const downloads = await downloadAll(store.files, [])
    expectWhole(store.files, downloads)
    expectPassedThrough(store.files, downloads, { accepts: [] })
  })

  test.each(codings)('asking for %s alone', async (coding) => {
    const files = store.files.filter((file) => file.coding === coding)
    const downloads = await downloadAll(files, ['--compressed', '-H', `Accept-Encoding: ${coding}`])
    expectWhole(files, downloads)
    expectPassedThrough(files, downloads, { accepts: [coding] })
  })

  test.each(damages)(
    'a damaged frame of %s in a %s file is an error, never a short success (R25)',
    async (compression, body) => {
      const { url } = await store.storeDamaged(compression, body)
      for (const args of [['--compressed'], []]) {
        const [download] = await downloadAll([{ url }], ['--fail', ...args])
        expect(download?.error).toMatch(/^exit code [1-9]/)
      }
    },
  )
})
