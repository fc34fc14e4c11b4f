import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import type { Stage } from './stage.ts'
import type { HttpInit } from './subject.ts'

interface Link {
  readonly id: string
  readonly url: string
  readonly method: string
  readonly headers: Record<string, string>
}

const boundary = 'form-boundary'
const formType = { 'Content-Type': `multipart/form-data; boundary=${boundary}` }

function encodeForm(fields: Record<string, string>, content: Uint8Array): Buffer {
  const part = (name: string, more = '') =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`
  const entries = Object.entries(fields).map(([name, value]) => `${part(name)}${value}\r\n`)
  const end = `\r\n--${boundary}--\r\n`
  return Buffer.concat([
    Buffer.from(entries.join('') + part('file', '; filename="a.txt"')),
    content,
    Buffer.from(end),
  ])
}

/** Signed URLs and forms in every runtime; what they mean in detail is in `test/http/links`. */
export function signedUrlTests(stage: Stage): void {
  const sign = async (json: object): Promise<Link> => {
    const answer = await stage.api.call('POST', '/api/v1/presigned-urls', { as: stage.alice, json })
    expect(answer.status, answer.text).toBe(201)
    return answer.json<never>()
  }
  /** Nothing of ours goes with it. */
  const use = ({ url, method, headers }: Link, body?: HttpInit['body']) =>
    stage.subject.fetch(url.slice(url.indexOf('/', 8)), { method, headers, body })

  describe('signed URLs', () => {
    test('write, read and delete', async () => {
      const file = { bucket: await stage.bucket(), key: 'a b/é+%.txt' }
      expect((await use(await sign({ ...file, operation: 'write' }), 'hello')).status).toBe(200)
      const read = await sign({ ...file, operation: 'read', stableWindowSeconds: 60 })
      const answer = await use(read)
      expect(Buffer.from(answer.bytes).toString()).toBe('hello')
      expect(answer.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/)
      expect((await use(await sign({ ...file, operation: 'delete' }))).status).toBe(204)
      expect((await use(read)).status).toBe(404)
    })

    test('cut off an upload of unknown length', async () => {
      const link = await sign({
        bucket: await stage.bucket(),
        key: 'a',
        operation: 'write',
        maxBytes: 100_000,
      })
      async function* endless(chunks: number) {
        for (let i = 0; i < chunks; i++) yield new Uint8Array(50_000)
      }
      expect((await use(link, endless(3))).status).toBe(400)
      expect((await use(link, endless(2))).status).toBe(200)
    })

    test('are used as often as they may be, also at once', async () => {
      const { alice, api } = stage
      const { racers = 20 } = stage.subject
      const bucket = await stage.bucket()
      await api.put(bucket, 'a', 'x', { as: alice })
      const link = await sign({ bucket, key: 'a', operation: 'read', maxUses: 3 })
      const answers = await Promise.all(Array.from({ length: racers }, () => use(link)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
      expect(answers.filter(({ status }) => status === 403)).toHaveLength(racers - 3)
    })

    test('are revoked, one and all', async () => {
      const { alice, api } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'a', 'x', { as: alice })
      const [first, second] = [
        await sign({ bucket, key: 'a', operation: 'read' }),
        await sign({ bucket, key: 'a', operation: 'read' }),
      ]
      expect((await use(first)).status).toBe(200)
      await api.call('DELETE', `/api/v1/presigned-urls/${first.id}`, { as: alice })
      expect((await use(first)).status).toBe(403)
      expect((await use(second)).status).toBe(200)
      await api.call('POST', `/api/v1/users/${alice.userId}/revoke-links`, { as: alice })
      expect((await use(second)).status).toBe(403)
      expect((await use(await sign({ bucket, key: 'a', operation: 'read' }))).status).toBe(200)
    })
  })

  test('forms upload within their bounds, and their refusal hangs nothing', async () => {
    const { alice, api, subject } = stage
    const bucket = await stage.bucket()
    const made = await api.call('POST', '/api/v1/presigned-posts', {
      as: alice,
      json: { bucket, keyPrefix: 'in/', maxBytes: 300_000 },
    })
    const { url, fields } = made.json<{ url: string; fields: Record<string, string> }>()
    const post = (body: HttpInit['body']) =>
      subject.fetch(url.slice(url.indexOf('/', 8)), { method: 'POST', headers: formType, body })
    async function* pieces(body: Buffer) {
      for (let at = 0; at < body.length; at += 30_000) yield body.subarray(at, at + 30_000)
    }
    const content = Buffer.alloc(300_000, 'abc')
    const longer = Buffer.alloc(300_001, 'abc')
    expect((await post(encodeForm(fields, longer))).status).toBe(400)
    expect((await post(pieces(encodeForm(fields, longer)))).status).toBe(400)
    expect((await post(encodeForm({ ...fields, key: 'out/a' }, content))).status).toBe(403)
    expect((await post(pieces(encodeForm(fields, content)))).status).toBe(204)
    const stored = await api.get(bucket, 'in/a.txt', { as: alice })
    expect(Buffer.compare(stored.bytes, content)).toBe(0)
  })
}
