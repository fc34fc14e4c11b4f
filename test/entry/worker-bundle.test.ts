import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

/** Workers start within a second and take 3 MB on the free plan; a bundle this small is far from both. */
const gzipBytesMax = 1024 ** 2

test('a dry run of the deployment bundles the Worker into at most 1 MiB, with every binding', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cutty-bundle-'))
  try {
    const { stdout } = await promisify(execFile)('wrangler', ['deploy', '--dry-run', '--outdir', folder], {
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' },
    })
    for (const binding of ['env.BLOBS', 'env.DB', 'env.CACHE']) expect(stdout).toContain(binding)
    const bundle = await readFile(join(folder, 'worker.js'))
    const gzipBytes = gzipSync(bundle).length
    expect(gzipBytes).toBeGreaterThan(10_000)
    expect(gzipBytes).toBeLessThanOrEqual(gzipBytesMax)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
