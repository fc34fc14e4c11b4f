import { describe, expect, test } from 'vitest'
import type { Stage } from './stage.ts'

interface Report {
  readonly windowSeconds: number
  readonly lookedAt: {
    readonly statements: number
    readonly run: number
    readonly plans: number
    readonly sizeBytes: number | null
    readonly tables: readonly { readonly name: string }[]
    readonly indexes: readonly { readonly name: string; readonly columns: readonly string[] }[]
    readonly not: readonly string[]
  }
  readonly advice: readonly { readonly id: string }[]
  readonly applied: readonly unknown[]
}

export function databaseAdviceTests(stage: Stage): void {
  const ask = (query = '') => stage.api.call('GET', `/api/v1/database/advice${query}`, { as: stage.admin })

  describe('advice about the database', () => {
    test('there is none for tables that are small, and it says what it looked at', async () => {
      const bucket = await stage.bucket()
      await stage.api.put(bucket, 'a-secret-key-of-somebody', 'x', { as: stage.alice })
      const answer = await ask()
      expect(answer.status).toBe(200)
      const { windowSeconds, lookedAt, advice, applied } = answer.json<Report>()
      expect({ windowSeconds, advice, applied }).toEqual({ windowSeconds: 86_400, advice: [], applied: [] })
      expect(lookedAt.run).toBeGreaterThan(5)
      expect(lookedAt.statements).toBeGreaterThan(lookedAt.run)
      expect(lookedAt.plans).toBeGreaterThan(5)
      expect(lookedAt.sizeBytes).toBeGreaterThan(0)
      expect(lookedAt.tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['files', 'users']))
      expect(lookedAt.tables.filter(({ name }) => /^(_cf|sqlite)_/.test(name))).toEqual([])
      expect(lookedAt.indexes).toContainEqual(
        expect.objectContaining({ name: 'files_by_type', columns: ['bucket_id', 'media_type', 'key'] }),
      )
      expect(JSON.stringify(answer.json())).not.toContain('a-secret-key-of-somebody')
    })

    test('what is not advised is not done', async () => {
      for (const id of ['none', 'statistics_due', 'unused_index.files_by_type', '%22%3B--', 'large_log']) {
        const path = `/api/v1/database/advice/${id}/apply`
        const answer = await stage.api.call('POST', path, { as: stage.admin })
        expect(answer.status).toBe(404)
        expect(answer.json<{ code: string }>().code).toBe('not_found')
      }
    })

    test.each(['59m', '31d', '0', 'x'])('refuses the window “%s”', async (text) => {
      expect((await ask(`?window=${text}`)).status).toBe(400)
      const path = `/api/v1/database/advice/none/apply?window=${text}`
      expect((await stage.api.call('POST', path, { as: stage.admin })).status).toBe(400)
    })
  })
}
