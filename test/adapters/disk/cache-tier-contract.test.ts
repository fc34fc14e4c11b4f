import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDiskCacheTier } from '../../../src/adapters/disk/cache-tier.ts'
import { createKeyHash } from '../../../src/core/cache/byte-caches.ts'
import { cacheTierContract } from '../../contracts/cache-tier.ts'

const hashKey = createKeyHash('a master key for tests')

for (const state of ['at once', 'after the scan'] as const) {
  cacheTierContract(`disk, ${state},`, async (startMs) => {
    const folder = await mkdtemp(join(tmpdir(), 'cutty-disk-cache-'))
    const clock = { nowMs: startMs }
    const subject = createDiskCacheTier({
      folder,
      bytesMax: 64 * 1024 ** 2,
      hashKey,
      clock: { now: () => clock.nowMs },
    })
    if (state === 'after the scan') await subject.scanned
    return {
      subject,
      clock,
      async cleanup() {
        await subject.close()
        await rm(folder, { recursive: true, force: true })
      },
    }
  })
}
