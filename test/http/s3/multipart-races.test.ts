import { describe, expect, test } from 'vitest'
import {
  begin,
  bucket,
  complete,
  isSame,
  joined,
  md5Etag,
  multipartEtag,
  parts,
  putPart,
  sendPart,
  useStage,
  whole,
} from './multipart-stage.ts'

const stage = useStage()
const key = 'key'
const [first, , last] = parts as [Uint8Array, Uint8Array, Uint8Array]

async function allParts(): Promise<{ uploadId: string; named: { number: number; etag: string }[] }> {
  const { s3 } = stage
  const uploadId = await begin(s3, key)
  const sent = parts.map((body, i) => putPart(s3, { key, uploadId, number: i + 1 }, body))
  return { uploadId, named: await Promise.all(sent) }
}

describe('R46: completing', () => {
  test('twice gives the same, though the object is another by now; and nothing is written again', async () => {
    const { s3 } = stage
    const { uploadId, named } = await allParts()
    const once = await complete(s3, { key, uploadId }, named)
    expect(once.status).toBe(200)
    await s3.call('PUT', bucket, key, { body: 'newer' })
    const twice = await complete(s3, { key, uploadId }, named)
    expect([twice.status, twice.text]).toEqual([200, once.text])
    expect((await s3.call('GET', bucket, key)).text).toBe('newer')
    await s3.call('DELETE', bucket, key)
    expect((await complete(s3, { key, uploadId }, named)).text).toBe(once.text)
    expect((await s3.call('GET', bucket, key)).code).toBe('NoSuchKey')
  })

  test('twice with other parts is NoSuchUpload', async () => {
    const { s3 } = stage
    const { uploadId, named } = await allParts()
    await complete(s3, { key, uploadId }, named)
    expect((await complete(s3, { key, uploadId }, named.slice(0, 2))).code).toBe('NoSuchUpload')
    expect(isSame((await s3.call('GET', bucket, key)).bytes, whole)).toBe(true)
  })

  test('at once, eight times: all get the same, and the object is whole', async () => {
    const { s3 } = stage
    const { uploadId, named } = await allParts()
    const answers = await Promise.all(Array.from({ length: 8 }, () => complete(s3, { key, uploadId }, named)))
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(isSame((await s3.call('GET', bucket, key)).bytes, whole)).toBe(true)
  })

  test('at once with an abort: one of them wins, wholly', async () => {
    const { s3 } = stage
    for (let round = 0; round < 6; round++) {
      await s3.call('DELETE', bucket, key)
      const uploadId = await begin(s3, key)
      const part = await putPart(s3, { key, uploadId, number: 1 }, last)
      const ends = [
        () => complete(s3, { key, uploadId }, [part]),
        () => s3.call('DELETE', bucket, key, { query: { uploadId } }),
      ]
      if (round % 2 === 1) ends.reverse()
      const answers = await Promise.all(ends.map((end) => end()))
      const [completed, aborted] = round % 2 === 1 ? answers.toReversed() : answers
      const statuses = [completed?.status, aborted?.status]
      expect([
        [200, 404],
        [404, 204],
      ]).toContainEqual(statuses)
      const read = await s3.call('GET', bucket, key)
      expect(read.status).toBe(completed?.status)
    }
  })

  test('at once, of two uploads with If-None-Match: one is made, the other fails and can be aborted', async () => {
    const { s3 } = stage
    const uploads = await Promise.all(
      [first, last].map(async (body) => {
        const uploadId = await begin(s3, key)
        return { uploadId, body, part: await putPart(s3, { key, uploadId, number: 1 }, body) }
      }),
    )
    const answers = await Promise.all(
      uploads.map(({ uploadId, part }) => complete(s3, { key, uploadId }, [part], { 'if-none-match': '*' })),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412])
    const winner = answers.findIndex(({ status }) => status === 200)
    const { body } = uploads[winner] as { body: Uint8Array }
    expect(isSame((await s3.call('GET', bucket, key)).bytes, body)).toBe(true)
    const { uploadId } = uploads[1 - winner] as { uploadId: string }
    expect((await s3.call('DELETE', bucket, key, { query: { uploadId } })).status).toBe(204)
  })

  test('at once with a part that is replaced: what was named, or InvalidPart, never a mixture', async () => {
    const { s3 } = stage
    for (let round = 0; round < 4; round++) {
      const uploadId = await begin(s3, key)
      const one = await putPart(s3, { key, uploadId, number: 1 }, first)
      const two = await putPart(s3, { key, uploadId, number: 2 }, last)
      const [completed, replaced] = await Promise.all([
        complete(s3, { key, uploadId }, [one, two]),
        sendPart(s3, { key, uploadId, number: 2 }, { body: 'another' }),
      ])
      if (completed.status === 200) {
        expect(completed.of('ETag')).toBe(multipartEtag([first, last]))
        expect(isSame((await s3.call('GET', bucket, key)).bytes, joined([first, last]))).toBe(true)
        expect(['', 'NoSuchUpload']).toContain(replaced.code)
      } else {
        expect([completed.code, replaced.status]).toEqual(['InvalidPart', 200])
      }
    }
  })

  test('one part that is sent by many at once is one of them', async () => {
    const { s3 } = stage
    const uploadId = await begin(s3, key)
    const bodies = Array.from({ length: 8 }, (_, i) => `body ${i}`)
    await Promise.all(bodies.map((body) => putPart(s3, { key, uploadId, number: 1 }, body)))
    const listed = await s3.call('GET', bucket, key, { query: { uploadId } })
    const etag = listed.of('Part', 'ETag') as string
    const body = bodies.find((each) => md5Etag(each) === etag)
    expect(body).toBeDefined()
    expect((await complete(s3, { key, uploadId }, [{ number: 1, etag }])).status).toBe(200)
    expect((await s3.call('GET', bucket, key)).text).toBe(body)
  })
})
