import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('the numbers in the documents are those of bench/results', () => {
  const report = join(import.meta.dirname, '../../bench/report.ts')
  expect(execFileSync(process.execPath, [report, '--check'], { encoding: 'utf8' })).toContain('Up to date')
})
