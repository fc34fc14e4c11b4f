/** `summarise-tests REPORT STATUS`: the last line of a CI run, from vitest's JSON report; exits as the run did. */
import { readFileSync } from 'node:fs'

const [report = '', status = '1'] = process.argv.slice(2)
let passed = 0
let failed = 0
let skipped = 0
try {
  const result = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numPendingTests: number
    numFailedTestSuites: number
  }
  passed = result.numPassedTests
  failed = Math.max(result.numFailedTests, result.numFailedTestSuites)
  skipped = result.numPendingTests
} catch {
  // Types, lint or formatting stopped the run before a test ran.
}
if (status !== '0' && failed === 0) failed = 1
// With CUTTY_TEST_ALL nothing may be left out in silence.
if (skipped > 0) {
  console.log(`${skipped} tests were skipped.`)
  failed += skipped
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
