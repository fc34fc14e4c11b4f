import { describe, expect, test } from 'vitest'
import type { Identity } from './client.ts'
import type { Stage } from './stage.ts'

const path = '/api/v1/jobs'

interface Job {
  readonly id: string
  readonly kind: string
  readonly state: string
  readonly ownerId: string | null
  readonly result: Readonly<Record<string, unknown>> | null
}

/** Words that compress, and better with more effort. */
function words(length: number): string {
  let text = ''
  for (let index = 1; text.length < length; index++) {
    text += `${((index * index * 7919) % 50_021).toString(36)} ${index % 17 === 0 ? 'and so on\n' : ''}`
  }
  return text.slice(0, length)
}

export function jobTests(stage: Stage): void {
  const post = (json: unknown, as: Identity) => stage.api.call('POST', path, { as, json })

  /** Until it is over: at once where there is a server, else when the schedule comes. */
  async function finished(id: string, as: Identity): Promise<Job> {
    const deadlineMs = Date.now() + 30_000
    for (;;) {
      const job = (await stage.api.call('GET', `${path}/${id}`, { as })).json<Job & Record<string, unknown>>()
      if (!['queued', 'running'].includes(job.state)) return job
      expect(Date.now(), `job ${id} is ${job.state}`).toBeLessThan(deadlineMs)
      await stage.subject.runJobs?.()
    }
  }

  describe('jobs', () => {
    test('recompress a bucket, and nobody sees a difference (R3)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const text = words(120_000)
      const headers = { 'Content-Type': 'text/plain', 'X-Cutty-Compression': 'zstd' }
      await api.put(bucket, 'a/text', text, { as: alice, headers })
      const before = await api.get(bucket, 'a/text', { as: alice })
      const posted = await post({ kind: 'recompress', bucket, prefix: 'a/', bytesPerSecond: 1e8 }, alice)
      expect(posted.status).toBe(202)
      const { id, ...job } = posted.json<Job>()
      expect(posted.header('location')).toBe(`${path}/${id}`)
      expect(job).toMatchObject({
        kind: 'recompress',
        state: 'queued',
        ownerId: alice.userId,
        result: null,
        error: null,
        params: {
          bucket,
          prefix: 'a/',
          bytesPerSecond: 1e8,
        },
        progress: {
          files: 0,
          bytes: 0,
          filesTotal: 0,
          bytesTotal: 0,
        },
      })
      expect(await finished(id, alice)).toMatchObject({
        state: 'done',
        progress: { files: 1, bytes: text.length, filesTotal: 1, bytesTotal: text.length },
        result: { files: 1, recompressed: { blobs: 1 }, damaged: [] },
      })
      const after = await api.get(bucket, 'a/text', { as: alice })
      expect(after.text).toBe(text)
      for (const name of ['etag', 'last-modified']) expect(after.header(name)).toBe(before.header(name))
      const info = await api.info(bucket, 'a/text', { as: alice })
      expect(info.json()).toMatchObject({ codec: 'brotli', compression: { level: 11 } })
    })

    test('scrub all that is stored, for administrators only', async () => {
      const { admin, alice } = stage
      expect((await post({ kind: 'scrub' }, alice)).json()).toMatchObject({ code: 'access_denied' })
      const { id } = (await post({ kind: 'scrub' }, admin)).json<Job>()
      expect(await finished(id, admin)).toMatchObject({
        state: 'done',
        result: { damaged: [], damagedCount: 0 },
      })
    })

    test('are listed the newest first, each user’s own, all for an administrator', async () => {
      const { api, admin } = stage
      const carol = await stage.person('carol')
      const ids: string[] = []
      for (let count = 0; count < 3; count++) {
        ids.unshift((await post({ kind: 'recompress' }, carol)).json<Job>().id)
      }
      const seen: string[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const target: string = `${path}?limit=2${cursor && `&cursor=${cursor}`}`
        const page = (await api.call('GET', target, { as: carol })).json<{
          jobs: Job[]
          nextCursor: string | null
        }>()
        expect(page.jobs.length).toBeLessThanOrEqual(2)
        seen.push(...page.jobs.map(({ id }) => id))
        cursor = page.nextCursor
      }
      // Ids of one millisecond have no order.
      expect(seen).toEqual(ids.toSorted().toReversed())
      const all = (await api.call('GET', path, { as: admin })).json<{ jobs: Job[] }>()
      expect(all.jobs.map(({ id }) => id)).toEqual(expect.arrayContaining(ids))
      for (const id of ids) await finished(id, carol)
    })

    test('are cancelled, unless they are over', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await api.put(bucket, 'a', words(100_000), { as: alice, headers: { 'X-Cutty-Compression': 'zstd' } })
      const { id } = (await post({ kind: 'recompress', bucket, bytesPerSecond: 65_536 }, alice)).json<Job>()
      const cancelled = await api.call('POST', `${path}/${id}/cancel`, { as: alice })
      expect(cancelled.status).toBe(202)
      expect((await finished(id, alice)).state).toBe('cancelled')
      const again = await api.call('POST', `${path}/${id}/cancel`, { as: alice })
      expect(again.json()).toMatchObject({ status: 409, code: 'conflict' })
      expect((await api.get(bucket, 'a', { as: alice })).text).toBe(words(100_000))
    })

    test.each([
      ['no body', undefined],
      ['an unknown kind', { kind: 'defragment' }],
      ['an unknown member', { kind: 'recompress', level: 3 }],
      ['a prefix without a bucket', { kind: 'recompress', prefix: 'a' }],
      ['a rate that is none', { kind: 'recompress', bytesPerSecond: 0 }],
    ])('refuse to begin with %s', async (_what, json) => {
      expect((await post(json, stage.alice)).json()).toMatchObject({ status: 400, code: 'invalid_request' })
    })

    test('refuse what does not exist, or is another one’s', async () => {
      const { api, alice, bob, admin } = stage
      const bucket = await stage.bucket()
      const code = async (json: unknown, as: Identity) => (await post(json, as)).json()['code']
      expect(await code({ kind: 'recompress', bucket: 'no-such-bucket' }, alice)).toBe('bucket_not_found')
      expect(await code({ kind: 'recompress', bucket }, bob)).toBe('access_denied')
      expect(await code({ kind: 'recompress', bucket }, undefined)).toBe('unauthenticated')
      expect(await code({ kind: 'scrub', bucket }, admin)).toBe('invalid_request')
      const { id } = (await post({ kind: 'recompress', bucket }, alice)).json<Job>()
      for (const target of [`${path}/${id}`, `${path}/nothing`]) {
        const found = await api.call('GET', target, { as: bob })
        expect(found.json()).toMatchObject({ status: 404, code: 'job_not_found' })
        const cancelled = await api.call('POST', `${target}/cancel`, { as: bob })
        expect(cancelled.json()).toMatchObject({ status: 404, code: 'job_not_found' })
      }
      expect((await api.call('GET', path, {})).json()).toMatchObject({ code: 'unauthenticated' })
      await finished(id, alice)
    })
  })
}
