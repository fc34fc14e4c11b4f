/** Makes a database of the size that a busy one has after two years. `node bench/scale/generate.ts --help` */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fillDatabase } from './fill.ts'
import { readStatistics } from './statistics.ts'

const help = `Usage: node bench/scale/generate.ts FILE [options]

Fills the database FILE with files of many users, by the same seed always the same. What was broken off is gone
on with. Blobs have rows and no bytes.

  --files N       1,000,000
  --users N       1,000
  --seed N        7
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
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`
  fillDatabase({
    file,
    files: wholeNumber('files'),
    users: values.folders === undefined ? wholeNumber('users') : 1,
    seed: wholeNumber('seed'),
    ...(values.folders !== undefined && { folders: wholeNumber('folders') }),
    progress: (message) => process.stderr.write(`${seconds()}: ${message}\n`),
  })
  process.stderr.write(`${seconds()}: done\n`)
  if (values.statistics) {
    const rows = readStatistics(file).map((row) => `  ${JSON.stringify(row)}`)
    writeFileSync(join(import.meta.dirname, 'statistics.json'), `[\n${rows.join(',\n')}\n]\n`)
  }
}

function wholeNumber(name: 'files' | 'users' | 'seed' | 'folders'): number {
  const number = Number(values[name])
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`--${name} must be a whole number above 0`)
  return number
}
