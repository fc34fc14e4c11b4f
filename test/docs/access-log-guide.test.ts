import { describe, expect, test } from 'vitest'
import openapi from '../../docs/reference/openapi.json' with { type: 'json' }
import { commands } from '../../src/cli/commands/table.ts'
import { settings } from '../../src/entry/config.ts'
import { readGuide, testCommands } from './guide.ts'

const guide = readGuide('docs/guides/access-log.md')

const { parameters } = openapi.paths['/api/v1/access-log'].get
const members = Object.keys(openapi.components.schemas.AccessLogEntry.properties)

describe('the guide to the access log', () => {
  test('names every member of an entry, and every filter of the command and the API', () => {
    const rows = [...guide.text.matchAll(/^\| (`\w+`(?:, `\w+`)?) +\|/gm)].map(([, names]) => names as string)
    const named = rows.flatMap((names) => [...names.matchAll(/\w+/g)].map(([name]) => name))
    expect(named.filter((name) => members.includes(name)).toSorted()).toEqual(members.toSorted())
    const filters = parameters.filter(
      (each) => each.in === 'query' && !['limit', 'cursor'].includes(each.name),
    )
    expect(filters).toHaveLength(5)
    for (const { name } of filters) expect(guide.text).toContain(`\`${name}\``)
    const options = Object.keys(commands.find(({ name }) => name === 'log')?.options ?? {})
    for (const option of options) expect(guide.text).toContain(`\`--${option}\``)
  })

  test('has the settings and the numbers that the code has', () => {
    const { accessLog, accessLogDays, accessLogRows } = settings
    const own = [accessLog, accessLogDays, accessLogRows].map(({ env }) => env)
    const named = new Set(guide.text.match(/CUTTY_\w+/g))
    expect([...named].toSorted()).toEqual(own.toSorted())
    for (const scope of ['changes', 'all', 'none']) {
      expect(accessLog.parse(scope)).toBe(scope)
      expect(guide.text).toMatch(new RegExp(`^\\| \`${scope}\``, 'm'))
    }
    expect(guide.text).toContain(`| \`${accessLog.default}\`, the default`)
    expect(guide.text).toContain(`\`${accessLogDays.env}\` (${accessLogDays.default})`)
    const rows = Number(accessLogRows.default).toLocaleString('en')
    expect(guide.text).toContain(`\`${accessLogRows.env}\` (${rows})`)
  })

  test('and that to the database say what to do about a damaged one', () => {
    for (const page of [guide, readGuide('docs/guides/database.md')]) {
      expect(page.text).toContain('`access_log`')
      expect(page.text.replaceAll('\n', ' ')).toMatch(/move `access-log\.db` away/)
    }
  })

  testCommands('its commands do what it says', guide, {
    files: { 'beach.jpg': new Uint8Array(40_000).fill(7) },
    async check({ of, server }) {
      const shown = of('cutty log').split('\n')
      expect(shown[0]).toMatch(/^TIME +STATUS +ms +IN +OUT +USER +REQUEST$/)
      expect(shown.slice(1).map((line) => line.split(/ {2,}/)[1])).toEqual([
        '404 file_not_found',
        '201',
        '201',
      ])
      expect(of('cutty log --refused').split('\n')).toHaveLength(2)
      const lines = of('cutty log --bucket').split('\n')
      const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      expect(entries).toMatchObject([
        { errorCode: 'file_not_found' },
        { method: 'PUT', bytesReceived: 40_000 },
      ])
      for (const entry of entries) expect(Object.keys(entry).toSorted()).toEqual(members.toSorted())
      expect(JSON.parse(of('curl -fsS -u'))).toEqual({ entries: entries.slice(0, 1), nextCursor: null })

      // What somebody does by a URL is of who signed it, and its signature is kept nowhere.
      const signed = await server.run(['presign', 'photos/none'])
      const link = signed.stdout.toString().trim()
      await fetch(link)
      await fetch(link.replace('photos/none', 'photos/other'))
      await server.fetch('/api/v1/buckets/photos/files?key=named%20here', { method: 'DELETE' })
      const all = await server.json<Record<string, unknown>>(['log'])
      expect(all[0]).toMatchObject({ method: 'DELETE', path: '/api/v1/buckets/photos/files', status: 404 })
      expect(all[1]).toMatchObject({
        path: '/photos/other',
        userId: null,
        errorCode: 'SignatureDoesNotMatch',
      })
      expect(all[2]).toMatchObject({
        path: '/photos/none',
        userId: all[0]?.['userId'],
        errorCode: 'NoSuchKey',
      })
      expect(JSON.stringify(all)).not.toMatch(/named|X-Amz|127\.0\.0\.1/)
    },
  })
})
