import { spawnSync } from 'node:child_process'
import { describe, expect } from 'vitest'
import { readGuide, testCommands } from './guide.ts'

const guide = readGuide('docs/guides/s3.md')
const [, major = 0, minor = 0] = (
  /^curl (\d+)\.(\d+)/.exec(spawnSync('curl', ['--version']).stdout?.toString() ?? '') ?? []
).map(Number)
// Debian's of 2023 can, and runs where everything is promised.
const tooOld = major * 1000 + minor < 7087 && process.env['CUTTY_TEST_ALL'] !== '1'

describe.skipIf(tooOld)(`the guide to S3 clients${tooOld ? ' (needs curl 7.87: not run)' : ''}`, () => {
  testCommands('its lines of curl do what they say', guide, {
    check({ of }) {
      expect(of('$S3 "$URL/diary/2026/today.txt"')).toBe('Dear diary.')
      expect(of('$S3 "$URL/diary?')).toContain('<CommonPrefixes><Prefix>2026/</Prefix></CommonPrefixes>')
    },
  })
})
