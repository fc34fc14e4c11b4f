import { beforeEach, describe, expect, test } from 'vitest'
import { bucket, useStage } from './link-stage.ts'

const stage = useStage()
const noon = Date.parse('2026-11-21T12:00:00.000Z')
const hourly = { key: 'a', operation: 'read', stableWindowSeconds: 3600, expiresInSeconds: 600 }

beforeEach(async () => {
  stage.clock.stopAt(noon)
  await stage.call('PUT', `/api/v1/buckets/${bucket}/files/a`, { as: stage.ada.key, body: 'hello' })
})

describe('a stable window', () => {
  test('gives one URL for equal requests, and another one for others', async () => {
    const first = await stage.link(hourly)
    stage.clock.advance(3_599_999)
    expect(await stage.link(hourly)).toEqual(first)
    const others = [
      { ...hourly, key: 'b' },
      { ...hourly, operation: 'delete' },
      { ...hourly, expiresInSeconds: 601 },
      { ...hourly, downloadName: 'b' },
      { ...hourly, maxUses: 2 },
      { ...hourly, cache: 'private' },
      { ...hourly, notBefore: '2026-11-21T12:00:00Z' },
    ]
    const urls = await Promise.all(others.map(async (body) => (await stage.link(body)).url))
    expect(new Set([first.url, ...urls]).size).toBe(others.length + 1)
    const ids = await Promise.all(others.map(async (body) => (await stage.link(body)).id))
    expect(new Set([first.id, ...ids]).size).toBe(others.length + 1)
    stage.clock.advance(1)
    const next = await stage.link(hourly)
    expect(next.url).not.toBe(first.url)
    expect(next.id).not.toBe(first.id)
  })

  test('counts for its whole life from the end of the window on', async () => {
    const { expiresAt } = await stage.link(hourly)
    expect(expiresAt).toBe('2026-11-21T13:10:00.000Z')
    stage.clock.stopAt(noon + 3_599_000)
    const late = await stage.link(hourly)
    stage.clock.advance(600_000)
    expect((await stage.use(late)).status).toBe(200)
    stage.clock.stopAt(Date.parse(expiresAt) + 1)
    expect((await stage.use(late)).status).toBe(403)
  })

  test('lets shared caches keep what is read, for as long as the URL counts', async () => {
    const link = await stage.link(hourly)
    const age = async () => (await stage.use(link)).headers.get('cache-control')
    expect(await age()).toBe('public, max-age=4200')
    stage.clock.advance(4_000_500)
    expect(await age()).toBe('public, max-age=199')
    stage.clock.stopAt(noon + 4_200_000)
    expect(await age()).toBe('public, max-age=0')
    const etag = (await stage.use(link)).headers.get('etag') as string
    const unchanged = await stage.use(link, { headers: { 'if-none-match': etag } })
    expect(unchanged.status).toBe(304)
    expect(unchanged.headers.get('cache-control')).toBe('public, max-age=0')
  })

  test('not where uses are counted, nor where that is not wanted, and errors never', async () => {
    const cacheControl = async (body: object) =>
      (await stage.use(await stage.link(body))).headers.get('cache-control')
    expect(await cacheControl({ ...hourly, maxUses: 5 })).toMatch(/^private/)
    expect(await cacheControl({ ...hourly, cache: 'private' })).toMatch(/^private/)
    expect(await cacheControl({ ...hourly, key: 'none' })).toBe('no-store')
    expect(await cacheControl({ key: 'a', operation: 'read', cache: 'public' })).toBe('public, max-age=3600')
  })

  test('is left at once for a new one when its URL is revoked by its id', async () => {
    let link = await stage.link(hourly)
    for (let i = 0; i < 4; i++) {
      await stage.call('DELETE', `/api/v1/presigned-urls/${link.id}`, { as: stage.ada.key })
      const next = await stage.link(hourly)
      expect((await stage.use(link)).status).toBe(403)
      expect(next.url).not.toBe(link.url)
      expect((await stage.use(next)).status).toBe(200)
      stage.clock.advance(100)
      expect((await stage.link(hourly)).url, 'stable again').toBe(next.url)
      link = next
    }
  })

  test('and when all of its key are', async () => {
    const first = await stage.link(hourly)
    stage.clock.advance(1_000_300)
    const path = `/api/v1/users/${stage.ada.key.userId}/revoke-links`
    await stage.call('POST', path, { as: stage.ada.key })
    const second = await stage.link(hourly)
    expect((await stage.use(first)).status).toBe(403)
    expect((await stage.use(second)).status).toBe(200)
    stage.clock.advance(1_000_000)
    expect((await stage.link(hourly)).url).toBe(second.url)
  })

  test('is the same in a batch', async () => {
    const item = { bucket, ...hourly }
    const answer = await stage.call('POST', '/api/v1/presigned-urls/batch', {
      as: stage.ada.key,
      json: { items: [item, { ...item, key: 'b' }, item] },
    })
    const { items } = answer.json<{ items: { url: string }[] }>()
    expect(items[2]?.url).toBe(items[0]?.url)
    expect(items[0]?.url).toBe((await stage.link(hourly)).url)
  })
})

test('the signature is checked before a cache is read, and is no part of what bytes are kept under', async () => {
  const link = await stage.link(hourly)
  const other = await stage.link({ key: 'a', operation: 'read' })
  await stage.use(link)
  const hit = await stage.use(other)
  expect(hit.headers.get('cache-status')).toMatch(/^cutty; hit/)
  const forged = link.url.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
  expect((await stage.follow(forged)).code).toBe('SignatureDoesNotMatch')
})
