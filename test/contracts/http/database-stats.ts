import { describe, expect, test } from 'vitest'
import type { Stage } from './stage.ts'

interface Costs {
  readonly name: string
  readonly count: number
  readonly errors: number
  readonly perSecond: number | null
  readonly totalMs: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly cacheHits: number | null
}

interface Stats {
  readonly windowSeconds: number
  readonly from: string
  readonly spanSeconds: number
  readonly complete: boolean
  readonly totals: Costs
  readonly statements: readonly Costs[]
  readonly slow: { readonly thresholdMs: number; readonly statements: readonly unknown[] }
}

export function databaseStatsTests(stage: Stage): void {
  const ask = (query = '') => stage.api.call('GET', `/api/v1/database/stats${query}`, { as: stage.admin })
  const stats = async (query = '') => {
    const answer = await ask(query)
    expect(answer.status).toBe(200)
    return answer.json<Stats>()
  }

  describe('what statements of the database cost', () => {
    test('grows with what is done, by name', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const of = ({ statements }: Stats, name: string) => statements.find((each) => each.name === name)
      const before = await stats()
      for (const key of ['a', 'b']) await api.put(bucket, key, 'x', { as: alice })
      expect((await api.call('GET', `/api/v1/buckets/${bucket}/files`, { as: alice })).status).toBe(200)
      const after = await stats()
      const written = after.statements.filter(
        ({ name, rowsWritten }) => rowsWritten >= (of(before, name)?.rowsWritten ?? 0) + 2,
      )
      expect(written.length).toBeGreaterThan(0)
      const listed = of(after, 'listing.by_key')
      expect(listed?.count).toBe((of(before, 'listing.by_key')?.count ?? 0) + 1)
      expect(listed?.rowsRead).toBeGreaterThanOrEqual((of(before, 'listing.by_key')?.rowsRead ?? 0) + 2)
      expect(listed?.p99Ms).toBeGreaterThanOrEqual(listed?.p50Ms as number)
      expect(of(after, 'files.put')?.cacheHits).toBeNull()
      expect(after.totals.count).toBeGreaterThan(before.totals.count)
      expect(after.totals.count).toBe(after.statements.reduce((sum, { count }) => sum + count, 0))
      expect(after.totals.perSecond).toBeGreaterThan(0)
      expect(after.complete).toBe(true)
      expect(Date.parse(after.from)).toBeLessThanOrEqual(Date.now())
    })

    test('counts what the query cache spares, and what guards stop', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'f', 'x', { as: alice })
      for (let count = 0; count < 3; count++) await api.get(bucket, 'f', { as: alice })
      const { statements } = await stats()
      expect(statements.find(({ name }) => name === 'files.find')?.cacheHits).toBeGreaterThanOrEqual(2)
    })

    test('takes a window and an order', async () => {
      for (const [text, seconds] of [
        ['1h', 3600],
        ['3600', 3600],
        ['24h', 86_400],
        ['30d', 2_592_000],
      ] as const) {
        expect(await stats(`?window=${text}`)).toMatchObject({ windowSeconds: seconds })
      }
      const ordered = async (sort: string, by: (costs: Costs) => number) => {
        const values = (await stats(`?sort=${sort}`)).statements.map(by)
        expect(values).toEqual(values.toSorted((a, b) => b - a))
      }
      await ordered('time', ({ totalMs }) => totalMs)
      await ordered('count', ({ count }) => count)
      await ordered('p99', ({ p99Ms }) => p99Ms ?? -1)
      await ordered('rowsRead', ({ rowsRead }) => rowsRead)
      await ordered('errors', ({ errors }) => errors)
    })

    test.each(['', '0', '1', '3599', '59m', '31d', '1w', '-1h', '1.5h', 'h', '1h1h', '9999999999d'])(
      'refuses the window “%s”',
      async (text) => {
        const answer = await ask(`?window=${encodeURIComponent(text)}`)
        expect(answer.status).toBe(400)
        expect(answer.json<{ detail: string }>().detail).toContain('window')
      },
    )

    test('refuses an order that there is not', async () => {
      expect((await ask('?sort=secret')).status).toBe(400)
    })

    test('shows no parameters: neither keys nor names of people', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'a-secret-key-of-somebody', 'x', { as: alice })
      await api.get(bucket, 'a-secret-key-of-somebody', { as: alice })
      const text = JSON.stringify(await stats())
      expect(text).not.toContain('a-secret-key-of-somebody')
      expect(text).not.toContain(bucket)
    })
  })
}
