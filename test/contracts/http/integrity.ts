import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { patternBytes } from './bytes.ts'
import type { Stage } from './stage.ts'

const digest = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('base64')

export function integrityTests(stage: Stage): void {
  describe('digests of an upload', () => {
    const right = (bytes: Uint8Array): Record<string, string>[] => [
      { 'Content-MD5': digest('md5', bytes) },
      { 'Content-Digest': `sha-256=:${digest('sha256', bytes)}:` },
      { 'Content-Digest': `sha-512=:${digest('sha512', bytes)}:` },
      { 'Repr-Digest': `md5=:${digest('md5', bytes)}:, sha=:${digest('sha1', bytes)}:` },
      { 'Repr-Digest': `unknown=:AAAA:, sha-256=:${digest('sha256', bytes)}:` },
      { 'Content-Digest': 'unixsum=:AAAA:' },
      {
        'Content-MD5': digest('md5', bytes),
        'Content-Digest': `md5=:${digest('md5', bytes)}:, sha-256=:${digest('sha256', bytes)}:`,
        'Repr-Digest': `sha-256=:${digest('sha256', bytes)}:`,
      },
    ]

    test.each([0, 1, 5000, 200_000])('that are right are taken: %i bytes', async (sizeBytes) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const bytes = patternBytes(sizeBytes)
      for (const [index, headers] of right(bytes).entries()) {
        const put = await api.put(bucket, `f${index}`, bytes, { as: alice, headers })
        expect(put.status, JSON.stringify(headers)).toBe(201)
      }
    })

    test.each([0, 1, 5000, 200_000])(
      'that are wrong store nothing; the old file survives: %i bytes',
      async (sizeBytes) => {
        const { api, alice } = stage
        const bucket = await stage.bucket()
        const bytes = patternBytes(sizeBytes)
        const other = patternBytes(sizeBytes + 1)
        await api.put(bucket, 'old', 'old', { as: alice })
        const of = (name: string, content: Uint8Array) => `sha-256=:${digest('sha256', content)}:${name}`
        const wrong: Record<string, string>[] = [
          { 'Content-MD5': digest('md5', other) },
          { 'Content-Digest': of('', other) },
          { 'Repr-Digest': `sha-512=:${digest('sha512', other)}:` },
          { 'Repr-Digest': `sha=:${digest('sha1', other)}:` },
          // One of several is wrong, wherever it stands.
          { 'Content-Digest': `${of('', bytes)}, md5=:${digest('md5', other)}:` },
          { 'Content-MD5': digest('md5', other), 'Content-Digest': of('', bytes) },
          { 'Content-Digest': of('', other), 'Repr-Digest': of('', bytes) },
          { 'Content-Digest': of('', bytes), 'Repr-Digest': of('', other) },
          { 'Content-MD5': digest('md5', other), 'Repr-Digest': `md5=:${digest('md5', bytes)}:` },
        ]
        for (const headers of wrong) {
          for (const key of ['old', 'new']) {
            const put = await api.put(bucket, key, bytes, { as: alice, headers })
            expect(put.json(), JSON.stringify(headers)).toMatchObject({
              status: 400,
              code: 'digest_mismatch',
            })
          }
        }
        expect((await api.get(bucket, 'old', { as: alice })).text).toBe('old')
        expect((await api.head(bucket, 'new', { as: alice })).status).toBe(404)
      },
    )

    test.each<Record<string, string>>([
      { 'Content-MD5': 'not base64!' },
      { 'Content-MD5': '' },
      { 'Content-MD5': btoa('too short') },
      { 'Content-Digest': 'sha-256=nothing' },
      { 'Content-Digest': 'sha-256=:AAAA:' },
      { 'Content-Digest': 'SHA-256=:AAAA:' },
      { 'Repr-Digest': 'sha-256:AAAA' },
      { 'Repr-Digest': 'sha-256=:AAAA:,' },
    ])('that cannot be read are refused: %j', async (headers) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const put = await api.put(bucket, 'f', 'x', { as: alice, headers })
      expect(put.json()).toMatchObject({ status: 400, code: 'invalid_digest' })
      expect((await api.head(bucket, 'f', { as: alice })).status).toBe(404)
    })

    test('comes back with a download that wants it, of the whole file even with a range', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const bytes = patternBytes(5000)
      await api.put(bucket, 'f', bytes, { as: alice })
      const target = `/api/v1/buckets/${bucket}/files/f`
      const whole = `sha-256=:${digest('sha256', bytes)}:`
      for (const [wanted, sent] of [
        ['sha-256=1', whole],
        ['sha-512=3, sha-256=10', whole],
        ['sha-256=0', undefined],
        ['md5=1', undefined],
      ] as const) {
        const headers = { 'Want-Repr-Digest': wanted, Range: 'bytes=1-2' }
        const answer = await api.call('GET', target, { as: alice, headers })
        expect([wanted, answer.status, answer.header('repr-digest')]).toEqual([wanted, 206, sent])
      }
    })

    test('of bodies in chunks are checked as well', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      async function* body() {
        yield patternBytes(100_000)
        yield patternBytes(50, 2)
      }
      const bytes = Buffer.concat([patternBytes(100_000), patternBytes(50, 2)])
      const good = { 'Content-MD5': digest('md5', bytes) }
      expect((await api.put(bucket, 'f', body(), { as: alice, headers: good })).status).toBe(201)
      const bad = { 'Content-MD5': digest('md5', patternBytes(1)) }
      expect((await api.put(bucket, 'g', body(), { as: alice, headers: bad })).status).toBe(400)
    })
  })
}
