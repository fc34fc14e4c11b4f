/**
 * Firefox 153 ESR of Debian 12. Measured: to this machine it asks for `gzip, deflate, br, zstd`. It decodes whole: zstd
 * of one frame and of many, gzip and deflate in flushed frames, brotli. It finds damage in zstd and deflate. It does
 * not look at gzip's checksum, and brotli has none: there it gives out wrong bytes, unless the stream becomes invalid.
 * A stream that is cut short is a success to it if the lengths agree.
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

const firefox: Browser = {
  command: 'firefox-esr',
  args: (profile, url) => ['--headless', '--no-remote', '--profile', profile, url],
  preferences: {
    // What goes to this machine goes past it.
    'network.proxy.type': 1,
    'network.proxy.http': nowhere.split(':')[0] as string,
    'network.proxy.http_port': Number(nowhere.split(':')[1]),
    'network.proxy.ssl': nowhere.split(':')[0] as string,
    'network.proxy.ssl_port': Number(nowhere.split(':')[1]),
    'network.captive-portal-service.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'browser.shell.checkDefaultBrowser': false,
  },
}
const absent = !canRun(firefox.command, ['--version']) && !isEverythingPromised

describe.skipIf(absent)(named('Firefox', absent), () => {
  let store: Store
  beforeAll(async () => {
    store = await startStore()
  })
  afterAll(() => store.stop())

  test('every coding is passed through and comes out whole (R14)', async () => {
    const { downloads, acceptEncodings } = await visit(firefox, store, store.files)
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
    const { downloads } = await visit(firefox, store, files)
    const successes = files.filter((_, i) => downloads[i]?.error === undefined)
    expect(downloads).toHaveLength(files.length)
    expect(successes).toEqual([])
  })
})
