/**
 * Chromium 156 of Debian 12. Measured: to this machine and over TLS it asks for `gzip, deflate, br, zstd`, over HTTP to
 * others for `gzip, deflate`. It decodes whole: zstd of one frame and of many, gzip and deflate in flushed frames,
 * brotli. It finds damage in zstd and deflate. It does not look at gzip's checksum, and brotli has none: there it gives
 * out wrong bytes, unless the stream becomes invalid. A stream that is cut short is a success to it if the lengths
 * agree.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, nowhere, visit } from './browser.ts'
import { canRun, isEverythingPromised, named } from './programs.ts'
import {
  damages,
  expectPassedThrough,
  expectWhole,
  startStore,
  type Store,
  type StoredFile,
} from './stored-files.ts'

const chromium: Browser = {
  command: 'chromium',
  args: (profile, url) => [
    '--headless',
    '--no-sandbox',
    '--no-first-run',
    '--disable-gpu',
    `--user-data-dir=${profile}`,
    // What goes to this machine goes past it.
    `--proxy-server=${nowhere}`,
    url,
  ],
}
const absent = !canRun(chromium.command, ['--version']) && !isEverythingPromised

describe.skipIf(absent)(named('Chromium', absent), () => {
  let store: Store
  beforeAll(async () => {
    store = await startStore()
  })
  afterAll(() => store.stop())

  test('every coding is passed through and comes out whole (R14)', async () => {
    const { downloads, acceptEncodings } = await visit(chromium, store, store.files)
    expect(new Set(acceptEncodings)).toEqual(new Set(['gzip, deflate, br, zstd']))
    expectWhole(store.files, downloads)
    expectPassedThrough(store.files, downloads, {
      accepts: ['gzip', 'deflate', 'br', 'zstd'],
      readsSeveralFrames: true,
    })
  })

  // It would not notice that of gzip and brotli: these are checked before they go out.
  test('damage is an error, never a short success (R25)', async () => {
    const files: StoredFile[] = []
    for (const [codec, body] of damages) files.push(await store.storeDamaged(codec, body))
    const { downloads } = await visit(chromium, store, files)
    const successes = files.filter((_, i) => downloads[i]?.error === undefined)
    expect(downloads).toHaveLength(files.length)
    expect(successes).toEqual([])
  })
})
