/**
 * `fetch` of Node 22.23, 24.21 and 26.10. Measured: over HTTP all ask for `gzip, deflate`; over TLS 22 and 24 for `br,
 * gzip, deflate`, 26 for `br, gzip, deflate, zstd`. All decode gzip and deflate in flushed frames and brotli whole.
 * zstd, of one frame or many, 24.11 and later decode whole; Node 22 and 24.0 do not decode it, and give out the stored
 * bytes: they get it only where a program names it in its own header. Damage in zstd, gzip and deflate rejects; but in
 * Node 22 the body of a gzip or deflate file of 1 MiB and more then never ends. In brotli it rejects only where the
 * stream becomes invalid.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seenAcceptEncoding } from './accept-encoding.ts'
import { fetchRelease, nodeReleases, pathOf } from './node-releases.ts'
import { isEverythingPromised, named, runProgram } from './programs.ts'
import {
  damages,
  type Download,
  expectPassedThrough,
  expectWhole,
  startStore,
  type Store,
  type StoredFile,
} from './stored-files.ts'

const script = `
  import { text } from 'node:stream/consumers'
  import { fetchAll } from '${pathToFileURL(join(import.meta.dirname, 'fetch-all.js')).href}'
  console.log(JSON.stringify(await fetchAll(JSON.parse(await text(process.stdin)))))
  process.exit()`

/** See fetch-all.js. */
interface Request {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutSeconds?: number
}

let store: Store
const damaged: StoredFile[] = []
beforeAll(async () => {
  store = await startStore()
  for (const [codec, body] of damages) damaged.push(await store.storeDamaged(codec, body))
})
afterAll(() => store.stop())

describe.each(nodeReleases)('fetch of Node $version', (release) => {
  const absent = !existsSync(pathOf(release)) && !isEverythingPromised

  async function run(requests: readonly Request[]): Promise<Download[]> {
    const args = ['--input-type=module', '-e', script]
    const { code, stdout, stderr } = await runProgram(pathOf(release), args, {
      input: JSON.stringify(requests),
    })
    if (code !== 0) throw new Error(`Node ${release.version} ended with ${code}: ${stderr}`)
    return JSON.parse(stdout.toString()) as Download[]
  }
  const downloadAll = (files: readonly StoredFile[], headers: Request['headers'] = {}) =>
    run(files.map(({ url }) => ({ url, headers })))

  describe.skipIf(absent)(named('against the store', absent), () => {
    // Some 50 MB, once.
    beforeAll(() => fetchRelease(release), 120_000)

    test('asks for what this file says it asks for', async () => {
      expect(await seenAcceptEncoding((url) => run([{ url }]))).toBe('gzip, deflate')
    })

    test('by itself: gzip and deflate are passed through, and every file comes out whole (R14)', async () => {
      const downloads = await downloadAll(store.files)
      expectWhole(store.files, downloads)
      expectPassedThrough(store.files, downloads, { accepts: ['gzip', 'deflate'] })
    })

    test.each(release.codings)('asking for %s alone', async (coding) => {
      const files = store.files.filter((file) => file.coding === coding)
      const downloads = await downloadAll(files, { 'accept-encoding': coding })
      expectWhole(files, downloads)
      // Which it says by Sec-Fetch-Mode, as browsers do.
      expectPassedThrough(files, downloads, { accepts: [coding], readsSeveralFrames: true })
    })

    test('damage is an error, passed through and decoded, never a short success (R25)', async () => {
      const requests = damaged.flatMap(({ url, coding = '' }) => {
        const asked = release.codings.includes(coding) ? [coding, 'identity'] : ['identity']
        return asked.map((each) => ({ url, headers: { 'accept-encoding': each }, timeoutSeconds: 2 }))
      })
      const downloads = await run(requests)
      expect(downloads).toHaveLength(requests.length)
      expect(requests.filter((_, i) => downloads[i]?.error === undefined)).toEqual([])
    })
  })
})
