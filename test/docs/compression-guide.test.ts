import { describe, expect, test } from 'vitest'
import {
  type CodingRule,
  codingRules,
  defaultPolicy,
  recompressRules,
} from '../../src/core/compression/policy.ts'
import { readGuide, testCommands } from './guide.ts'

const guide = readGuide('docs/guides/compression.md')
const log = Array.from({ length: 3000 }, (_, i) => `10:${i % 60} GET /files/${i * 7919} 200\n`).join('')

/** Rows of the table with this title, without the padding. */
function rowsOf(title: string): string[][] {
  const start = guide.text.indexOf(`| ${title} `)
  expect(start, title).toBeGreaterThan(0)
  const table = guide.text.slice(guide.text.lastIndexOf('\n', start) + 1).split('\n\n')[0] as string
  const rows = table.split('\n').map((row) => row.split('|').map((cell) => cell.trim()))
  return rows.slice(2).map((row) => row.slice(1, -1))
}

function describeRule({ kind, sizeBytesMax, choices }: CodingRule): string[] {
  const size =
    sizeBytesMax === Number.POSITIVE_INFINITY
      ? 'any size'
      : sizeBytesMax >= 1024 ** 2
        ? `${sizeBytesMax / 1024 ** 2} MiB`
        : `${sizeBytesMax / 1024} KiB`
  return [kind, size, choices.map(({ codec, level }) => `${codec}-${level}`).join(', ')]
}

describe('the guide to compression', () => {
  test('has the numbers that the code has', () => {
    const { minimumBytes, minimumGain } = defaultPolicy
    expect(guide.text.replaceAll('\n', ' ')).toContain(`files below ${minimumBytes} bytes;`)
    expect(guide.text).toContain(`saves ${minimumGain * 100} %`)
    expect(rowsOf('Stored as')).toEqual(codingRules.map(describeRule))
    expect(rowsOf('Stored again as')).toEqual(recompressRules.map(describeRule))
  })

  testCommands('its commands do what it says', guide, {
    files: { 'access.log': log },
    async check({ server, of }) {
      const info = async (key: string) =>
        (await (await server.fetch(`/api/v1/buckets/logs/files/${key}?info`)).json()) as object
      expect(JSON.parse(of('curl -fsS -u "$KEY" "$CUTTY_URL'))).toMatchObject({
        compression: { reason: 'compressed' },
      })
      expect(of('cutty analyze')).toContain('An upload would be stored with ')
      expect(of('cutty stats')).toMatch(/^ *3 .* logs$/m)
      expect(of('cutty compress --dry-run logs')).toContain('Recommended for logs: ')
      expect(of('cutty compress --dry-run logs --storage')).toContain('At 0.023 USD per GB')
      expect(of('cutty compress logs')).toMatch(/^Looked at 3 files, stored \d again/)
      expect(of('cutty jobs "$ID"')).toMatch(/^kind +recompress$/m)
      expect(of('cutty scrub')).toContain(': 0 damaged.')
      expect(await info('best.log')).toMatchObject({ codec: expect.not.stringMatching('identity') as string })
      expect(await info('plain.log')).toMatchObject({ sizeBytes: log.length })
    },
  })
})
