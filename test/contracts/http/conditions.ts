import { describe, expect, test } from 'vitest'
import type { Stage } from './stage.ts'

const racersMost = 50

export function conditionTests(stage: Stage): void {
  describe('conditional writes', () => {
    test('If-None-Match: * creates only', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers = { 'If-None-Match': '*' }
      expect((await api.put(bucket, 'f', 'one', { as: alice, headers })).status).toBe(201)
      const second = await api.put(bucket, 'f', 'two', { as: alice, headers })
      expect(second.json()).toMatchObject({ status: 412, code: 'precondition_failed' })
      expect((await api.get(bucket, 'f', { as: alice })).text).toBe('one')
      await api.delete(bucket, 'f', { as: alice })
      expect((await api.put(bucket, 'f', 'three', { as: alice, headers })).status).toBe(201)
    })

    test('If-Match writes only over what the client knows', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const put = (body: string, headers: Record<string, string>) =>
        api.put(bucket, 'f', body, { as: alice, headers })
      expect((await put('x', { 'If-Match': '*' })).status).toBe(412)
      const etag = (await put('one', {})).header('etag') as string
      const cases: [Record<string, string>, number][] = [
        [{ 'If-Match': '"other"' }, 412],
        [{ 'If-Match': `W/${etag}` }, 412],
        [{ 'If-Match': '' }, 412],
        [{ 'If-Match': 'no tag' }, 412],
        [{ 'If-None-Match': etag }, 412],
        [{ 'If-Unmodified-Since': 'Thu, 01 Jan 1998 00:00:00 GMT' }, 412],
        [{ 'If-Match': `"other", ${etag}` }, 200],
        [{ 'If-None-Match': '"other"' }, 200],
        [{ 'If-Unmodified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT' }, 200],
        [{ 'If-Match': '*' }, 200],
      ]
      for (const [headers, status] of cases) {
        expect((await put('one', headers)).status, JSON.stringify(headers)).toBe(status)
      }
    })

    test('hold for DELETE and PATCH too', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const etag = (await api.put(bucket, 'f', 'x', { as: alice })).header('etag') as string
      const failing: Record<string, string>[] = [
        { 'If-Match': '"other"' },
        { 'If-Match': '' },
        { 'If-None-Match': '*' },
      ]
      for (const headers of failing) {
        expect((await api.delete(bucket, 'f', { as: alice, headers })).status).toBe(412)
        expect((await api.patch(bucket, 'f', { as: alice, headers, json: {} })).status).toBe(412)
      }
      const headers = { 'If-Match': etag }
      expect((await api.patch(bucket, 'f', { as: alice, headers, json: {} })).status).toBe(200)
      expect((await api.delete(bucket, 'f', { as: alice, headers })).status).toBe(204)
    })

    test('of a body that is refused leave the body’s bytes nowhere', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'f', 'old', { as: alice })
      const headers = { 'If-None-Match': '*' }
      const large = new Uint8Array(300_000)
      expect((await api.put(bucket, 'f', large, { as: alice, headers })).status).toBe(412)
      expect((await api.get(bucket, 'f', { as: alice })).text).toBe('old')
    })

    test.each([
      ['small', 20],
      ['large', 100_000],
    ])('racers that create one %s file: exactly one does', async (_size, sizeBytes) => {
      const { api, alice } = stage
      const racers = stage.subject.racers ?? racersMost
      const bucket = await stage.bucket()
      const headers = { 'If-None-Match': '*' }
      const bodies = Array.from({ length: racers }, (_, i) => `${i}.`.padEnd(sizeBytes, 'x'))
      const answers = await Promise.all(
        bodies.map((body) => api.put(bucket, 'f', body, { as: alice, headers })),
      )
      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status === 201)).toHaveLength(1)
      expect(statuses.filter((status) => status === 412)).toHaveLength(racers - 1)
      const got = await api.get(bucket, 'f', { as: alice })
      expect(got.text).toBe(bodies[statuses.indexOf(201)])
    })

    test('racers that count by compare and swap lose no step', async () => {
      const { api, alice } = stage
      const racers = stage.subject.racers ?? racersMost
      const bucket = await stage.bucket()
      await api.put(bucket, 'count', '0', { as: alice })
      const increment = async (): Promise<void> => {
        for (;;) {
          const got = await api.get(bucket, 'count', { as: alice })
          const headers = { 'If-Match': got.header('etag') as string }
          const put = await api.put(bucket, 'count', String(Number(got.text) + 1), { as: alice, headers })
          if (put.status === 200) return
          expect([409, 412]).toContain(put.status)
        }
      }
      await Promise.all(Array.from({ length: racers }, increment))
      expect((await api.get(bucket, 'count', { as: alice })).text).toBe(String(racers))
    })

    test('racers without conditions leave one of their bodies, whole', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const bodies = Array.from({ length: 12 }, (_, i) => String.fromCharCode(97 + i).repeat(1000 * (i + 1)))
      const answers = await Promise.all(bodies.map((body) => api.put(bucket, 'f', body, { as: alice })))
      expect(answers.every(({ status }) => status === 200 || status === 201)).toBe(true)
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
      const got = await api.get(bucket, 'f', { as: alice })
      expect(bodies).toContain(got.text)
      expect(answers.map((answer) => answer.header('etag'))).toContain(got.header('etag'))
    })
  })
}
