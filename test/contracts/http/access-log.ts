import { describe, expect, test } from 'vitest'
import type { Identity } from './client.ts'
import type { Stage } from './stage.ts'

interface Entry {
  readonly at: string
  readonly requestId: string
  readonly userId: string | null
  readonly method: string
  readonly operation: string
  readonly bucket: string | null
  readonly path: string
  readonly status: number
  readonly errorCode: string | null
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly durationMs: number
  readonly aborted: boolean
}

interface Page {
  readonly entries: readonly Entry[]
  readonly nextCursor: string | null
}

const fileRoute = '/api/v1/buckets/{bucket}/files/{key…}'

export function accessLogTests(stage: Stage): void {
  const ask = (query: Record<string, string | number>, as: Identity) => {
    const fields = Object.entries(query).map(([name, value]) => [name, String(value)])
    return stage.api.call('GET', `/api/v1/access-log?${new URLSearchParams(fields).toString()}`, { as })
  }
  const read = async (query: Record<string, string | number>, as: Identity) => {
    const answer = await ask(query, as)
    expect(answer.status).toBe(200)
    return answer.json<Page>()
  }

  describe('the access log', () => {
    test('has each request, with its bytes, those that were refused too', async () => {
      const { api, alice, bob, admin } = stage
      const bucket = await stage.bucket()
      const text = 'some text, of which a part is asked for'
      const answers = [
        await api.put(bucket, 'a b', text, { as: alice }),
        await api.get(bucket, 'a b', { as: alice }),
        await api.get(bucket, 'a b', { as: alice, headers: { Range: 'bytes=0-3' } }),
        await api.head(bucket, 'a b', { as: alice }),
        await api.get(bucket, 'a b', { as: bob }),
        await api.get(bucket, 'a b'),
        await api.get(bucket, 'none', { as: alice }),
      ]
      const { entries, nextCursor } = await read({ bucket }, admin)
      expect(nextCursor).toBeNull()
      const shown = entries.map(
        ({ requestId, userId, method, status, errorCode, bytesReceived, bytesSent }) => [
          requestId,
          [userId, method, status, errorCode, bytesReceived, bytesSent],
        ],
      )
      const ids = answers.map((answer) => answer.header('x-request-id'))
      const bodyBytes = answers.map(({ bytes }) => bytes.length)
      expect(shown.toReversed()).toEqual(
        [
          [alice.userId, 'PUT', 201, null, text.length, bodyBytes[0]],
          [alice.userId, 'GET', 200, null, 0, text.length],
          [alice.userId, 'GET', 206, null, 0, 4],
          [alice.userId, 'HEAD', 200, null, 0, 0],
          [bob.userId, 'GET', 403, 'access_denied', 0, bodyBytes[4]],
          [null, 'GET', 401, 'unauthenticated', 0, bodyBytes[5]],
          [alice.userId, 'GET', 404, 'file_not_found', 0, bodyBytes[6]],
        ].map((entry, index) => [ids[index], entry]),
      )
      for (const entry of entries) {
        expect(entry).toMatchObject({ bucket, operation: fileRoute, aborted: false })
        expect(entry.path).toMatch(/\/files\/(a%20b|none)$/)
        expect(entry.durationMs).toBeGreaterThanOrEqual(0)
        expect(Math.abs(Date.parse(entry.at) - Date.now())).toBeLessThan(60_000)
      }
    })

    test('names the operation of a request of S3, and keeps no signature (R43)', async () => {
      const { admin } = stage
      const bucket = await stage.bucket()
      const ask = (method: string, target: string) => stage.subject.fetch(target, { method })
      await ask('GET', `/${bucket}/key?X-Amz-Signature=SECRET&X-Amz-Credential=x`)
      await ask('GET', `/${bucket}?list-type=2`)
      await ask('DELETE', `/${bucket}/key`)
      await ask('GET', `/${bucket}?inventory`)
      await ask('PATCH', `/${bucket}`)
      const { entries } = await read({ bucket }, admin)
      const shown = entries.map(({ operation, path, status }) => [operation, path, status])
      expect(shown.toReversed()).toEqual([
        ['GetObject', `/${bucket}/key`, 400],
        ['ListObjectsV2', `/${bucket}`, 403],
        ['DeleteObject', `/${bucket}/key`, 403],
        ['ListBucketInventoryConfigurations', `/${bucket}`, 501],
        ['unknown', `/${bucket}`, 405],
      ])
      expect(entries.every(({ userId }) => userId === null)).toBe(true)
      expect(JSON.stringify(entries)).not.toContain('SECRET')
    })

    test('shows users their own requests, administrators all', async () => {
      const { api, admin } = stage
      const dora = await stage.person('dora')
      const erik = await stage.person('erik')
      const bucket = await stage.bucket('public')
      for (const as of [dora, erik, undefined]) await api.get(bucket, 'none', { ...(as && { as }) })
      const own = await read({}, dora)
      expect(own.entries.map(({ userId }) => userId)).toEqual([dora.userId])
      expect((await read({ bucket }, erik)).entries.map(({ userId }) => userId)).toEqual([erik.userId])
      expect((await ask({ user: erik.userId }, dora)).json()).toMatchObject({ code: 'access_denied' })
      const all = await read({ bucket }, admin)
      expect(all.entries.map(({ userId }) => userId)).toEqual([null, erik.userId, dora.userId])
      expect((await read({ user: dora.userId }, admin)).entries.length).toBeGreaterThan(2)
      expect((await read({ user: 'nobody' }, admin)).entries).toEqual([])
    })

    test('is listed page by page, by bucket, status and time', async () => {
      const { api, alice, admin } = stage
      const bucket = await stage.bucket()
      for (let count = 0; count < 7; count++) {
        const key = count % 2 === 0 ? 'there' : 'none'
        if (count === 0) await api.put(bucket, 'there', 'x', { as: alice })
        else await api.get(bucket, key, { as: alice })
      }
      const expected = [200, 404, 200, 404, 200, 404, 201]
      for (const [as, limit] of [
        [admin, 1],
        [admin, 3],
        [alice, 2],
        [alice, 7],
      ] as const) {
        const seen: number[] = []
        for (let cursor: string | null = ''; cursor !== null;) {
          const page: Page = await read({ bucket, limit, ...(cursor && { cursor }) }, as)
          expect(page.entries.length).toBeLessThanOrEqual(limit)
          seen.push(...page.entries.map(({ status }) => status))
          cursor = page.nextCursor
        }
        expect(seen).toEqual(expected)
      }
      const refused = await read({ bucket, statusMin: 400 }, admin)
      expect(refused.entries.map(({ status }) => status)).toEqual([404, 404, 404])
      const [, , third] = (await read({ bucket }, alice)).entries as [Entry, Entry, Entry]
      const until = await read({ bucket, to: third.at }, admin)
      const since = await read({ bucket, from: third.at.replace('Z', '+00:00') }, admin)
      expect(until.entries.length + since.entries.length).toBe(7)
      expect(since.entries.some(({ requestId }) => requestId === third.requestId)).toBe(true)
    })

    test('says what is wrong with a query', async () => {
      const wrong: Record<string, string | number>[] = [
        { limit: 0 },
        { limit: 1001 },
        { statusMin: 99 },
        { statusMin: 'refused' },
        { from: 'yesterday' },
        { cursor: 'nonsense' },
        { user: '' },
        { unknown: 1 },
      ]
      for (const query of wrong) {
        const answer = await ask(query, stage.admin)
        expect(answer.json(), JSON.stringify(query)).toMatchObject({ status: 400, code: 'invalid_request' })
      }
    })
  })
}
