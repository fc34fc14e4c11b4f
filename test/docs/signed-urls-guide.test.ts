import { describe, expect, test } from 'vitest'
import { formatCaps } from '../../src/core/links/caps.ts'
import { lifetimes } from '../../src/core/cache/lifetimes.ts'
import { limits } from '../../src/core/limits.ts'
import { readGuide, testCommands } from './guide.ts'

const guide = readGuide('docs/guides/signed-urls.md')

describe('the guide to signed URLs', () => {
  test('names every parameter, and the numbers that the code has', () => {
    const all = { id: 'a', notBeforeMs: 0, maxBytes: 1, contentType: 'a', maxUses: 1, isPublic: true }
    const named = [...guide.text.matchAll(/\| `(X-Cutty-[\w-]+)`/g)].map(([, name]) => name)
    expect(named).toEqual(formatCaps(all).map(([name]) => name))
    const text = guide.text.replaceAll('\n', ' ')
    expect(text).toContain(`hear of all this within ${lifetimes.link.freshMs / 1000} seconds`)
    expect(text).toContain(`Up to ${limits.linksBatchMax.toLocaleString('en')} with one request`)
    expect(limits.linkSecondsMax).toBe(7 * 86_400)
  })

  testCommands('its commands do what it says', guide, {
    check({ of }) {
      expect(of('curl -fsS "$LINK"')).toBe('meow')
      expect(of('curl -sS -T cat.txt "$WRITE"')).toContain('This URL was used 1 times already.')
      expect(of('curl -sS "$LINK"')).toContain('This URL was revoked.')
      expect(of('curl -fsS -D - ')).toMatch(/^cache-control: public, max-age=\d+\r?$/im)
      expect(JSON.parse(of('curl -fsS -u "$KEY"'))).toMatchObject({
        items: [{ index: 0 }, { index: 1, error: { code: 'bucket_not_found' } }],
      })
      expect(of('cutty presign form')).toMatch(/^key +photos|^key +inbox\/\$\{filename\}$/m)
    },
  })
})
