/**
 * Runs the fuzzer of signatures: `node bench/signing/run-fuzz.ts [--cases N] [--seed N] [--case N] [--json]`. Ends with 1 when a
 * case did not end as it must; `--seed` and `--case` run that one again.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { accessKey } from '../harness/subject.ts'
import { openApplication } from './application.ts'
import { describeFinding, fuzzClock, runFuzz } from './fuzz.ts'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    case: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const folderAbove = join(import.meta.dirname, '../tmp')
mkdirSync(folderAbove, { recursive: true })
const folder = mkdtempSync(join(folderAbove, 'fuzz-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

const { app, core, admin, ...application } = await openApplication(folder, { clock: fuzzClock })
const result = await runFuzz({
  app,
  core,
  admin,
  accessKey,
  seed: Number(values.seed),
  cases: Number(values.cases),
  only: values.case === undefined ? undefined : Number(values.case),
  progress: (message) => void process.stderr.write(`  ${message}\n`),
})
await application.close()

if (values.json) console.log(JSON.stringify(result))
else console.log(result)
for (const finding of result.findings) process.stderr.write(`${describeFinding(finding, result)}\n`)
// A result as JSON says it all.
if (!values.json && result.findings.length > 0) process.exitCode = 1
