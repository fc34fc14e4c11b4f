import { fileURLToPath } from 'node:url'
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { configDefaults, defineConfig } from 'vitest/config'

/**
 * Two projects. A test file runs on Node, unless it is called `*.workerd.test.ts`: then it runs inside workerd
 * only, with a local R2, D1 and KV. The files of `bothRuntimes` need neither, and run in both.
 *
 * `vitest run --project node`, `vitest run --project workerd`. The lines `exception = … disconnected` are workerd's own,
 * about streams that tests break off on purpose.
 */
const workerdOnly = ['test/**/*.workerd.test.ts']
const bothRuntimes = [
  'test/http/headers/**/*.test.ts',
  'test/core/checksums/**/*.test.ts',
  'test/core/compression/**/*.test.ts',
  'test/core/sigv4/**/*.test.ts',
  'test/http/s3/{xml,aws-chunked}.test.ts',
  'test/adapters/memory/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/http-cache/**/*.test.ts',
]

/** For two busy cores, with disks that sync: a limit against hanging, not a promise. */
const limits = { testTimeout: 60_000, hookTimeout: 60_000, teardownTimeout: 20_000 }

const report = process.env['CUTTY_TEST_REPORT']

export default defineConfig({
  test: {
    maxWorkers: 2,
    // For whoever counts the tests of a run.
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      {
        test: {
          ...limits,
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...workerdOnly],
          pool: 'forks',
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: './wrangler.jsonc' },
            // Nothing of the network, even where a binding could be remote.
            remoteBindings: false,
            miniflare: {
              bindings: {
                MIGRATIONS: await readD1Migrations(fileURLToPath(new URL('./migrations', import.meta.url))),
                ACCESS_LOG_MIGRATIONS: await readD1Migrations(
                  fileURLToPath(new URL('./migrations/access-log', import.meta.url)),
                ),
              },
            },
          })),
        ],
        test: {
          ...limits,
          name: 'workerd',
          include: [...workerdOnly, ...bothRuntimes],
          // One workerd for one file after another, since to start it takes longer than most of them run. They share its
          // buckets and tables: a suite removes what it has put there.
          fileParallelism: false,
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
