/** Makes databases of the size that busy ones have after two years. `node bench/scale/generate.ts --help` */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { fillDatabase } from './fill.ts'
import { fillLog } from './fill-log.ts'
import { readStatistics } from './statistics.ts'

const help = `Usage: node bench/scale/generate.ts FILE [options]

Fills the database FILE with files of many users, and an access log with their requests of a month; by the same seed
always the same. What was broken off is gone on with. Blobs have rows and no bytes.

  --files N       1,000,000
  --users N       1,000
  --seed N        7
  --log FILE      the access log's database: access-log.db in the folder of FILE, as in a data folder
  --log-rows N    5,000,000; 0: none
  --folders N     all files in one bucket, in so many folders
  --statistics    afterwards write what ANALYZE found to bench/scale/statistics.json, for the tests of query plans
  --help          this text
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    files: { type: 'string', default: '1000000' },
    users: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '7' },
    folders: { type: 'string' },
    log: { type: 'string' },
    'log-rows': { type: 'string', default: '5000000' },
    statistics: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const [file] = positionals
if (values.help || file === undefined) {
  process.stdout.write(help)
  process.exitCode = values.help ? 0 : 2
} else {
  const began = performance.now()
  const progress = (message: string) =>
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1)} s: ${message}\n`)
  fillDatabase({
    file,
    files: wholeNumber('files'),
    users: values.folders === undefined ? wholeNumber('users') : 1,
    seed: wholeNumber('seed'),
    ...(values.folders !== undefined && { folders: wholeNumber('folders') }),
    progress,
  })
  const log = values.log ?? join(dirname(file), 'access-log.db')
  const rows = wholeNumber('log-rows', 0)
  if (rows > 0) fillLog({ file: log, files: file, rows, progress })
  progress('done')
  if (values.statistics) {
    const statistics = { main: readStatistics(file), accessLog: readStatistics(log) }
    writeFileSync(
      join(import.meta.dirname, 'statistics.json'),
      `${JSON.stringify(statistics, undefined, 2)}\n`,
    )
  }
}

function wholeNumber(name: 'files' | 'users' | 'seed' | 'folders' | 'log-rows', least = 1): number {
  const number = Number(values[name])
  if (!Number.isSafeInteger(number) || number < least) {
    throw new Error(`--${name} must be a whole number of at least ${least}`)
  }
  return number
}
