import { describe, expect, test } from 'vitest'
import { patternBytes } from './bytes.ts'
import type { Stage } from './stage.ts'

const statsPath = '/api/v1/compression/stats'
const analyzePath = '/api/v1/compression/analyze'
const text = `${'All work and no play makes Jack a dull boy. '.repeat(200)}\n`

interface Totals {
  files: number
  logicalBytes: number
  storedBytes: number
  savedBytes: number
  ratio: number | null
}

interface Stats {
  totals: Totals
  byBucket: (Totals & { bucket: string })[]
  byUser: (Totals & { userId: string; name: string })[]
  byMediaType: (Totals & { mediaType: string })[]
  byCodec: (Totals & { codec: string })[]
  byReason: (Totals & { reason: string })[]
}

const lists = ['byBucket', 'byUser', 'byMediaType', 'byCodec', 'byReason'] as const

/** Whatever is counted, each list counts all of it: nobody here has more entries than a list shows. */
function checkSums(stats: Stats): void {
  for (const name of ['files', 'logicalBytes', 'storedBytes', 'savedBytes'] as const) {
    for (const list of lists) {
      const sum = stats[list].reduce((total, entry) => total + entry[name], 0)
      expect(sum, `${list}.${name}`).toBe(stats.totals[name])
    }
  }
  const entries = [stats.totals, ...lists.flatMap((list): Totals[] => stats[list])]
  for (const entry of entries) {
    expect(entry.savedBytes).toBe(entry.logicalBytes - entry.storedBytes)
    if (entry.ratio !== null) expect(entry.ratio).toBeCloseTo(entry.storedBytes / entry.logicalBytes, 3)
  }
}

export function storageStatsTests(stage: Stage): void {
  describe('storage statistics', () => {
    const read = async (target: string, as: Stage['alice'] | Stage['admin']) => {
      const answer = await stage.api.call('GET', target, { as })
      expect(answer.status).toBe(200)
      return answer.json<Stats>()
    }

    test('follow a bucket from its first file to its last', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const target = `${statsPath}?bucket=${bucket}`
      const empty = await read(target, alice)
      expect(empty).toEqual({
        totals: {
          files: 0,
          logicalBytes: 0,
          storedBytes: 0,
          savedBytes: 0,
          ratio: null,
        },
        byBucket: [],
        byUser: [],
        byMediaType: [],
        byCodec: [],
        byReason: [],
        damagedBlobs: null,
      })

      const headers = { 'Content-Type': 'text/plain' }
      await api.put(bucket, 'a', text, { as: alice, headers })
      const off = { 'Content-Type': 'application/x-own', 'X-Cutty-Compression': 'off' }
      await api.put(bucket, 'b', patternBytes(5000), { as: alice, headers: off })
      const stats = await read(target, alice)
      checkSums(stats)
      const stored = await Promise.all(
        ['a', 'b'].map(async (key) => {
          const info = await api.info(bucket, key, { as: alice })
          return info.json<{ storedBytes: number; codec: string }>()
        }),
      )
      const storedBytes = stored.reduce((sum, each) => sum + each.storedBytes, 0)
      expect(stats.totals).toMatchObject({ files: 2, logicalBytes: text.length + 5000, storedBytes })
      expect(stats.byBucket).toMatchObject([{ bucket, files: 2 }])
      expect(stats.byUser).toMatchObject([{ userId: alice.userId, name: 'alice' }])
      expect(stats.byMediaType.map(({ mediaType }) => mediaType).toSorted()).toEqual([
        'application/x-own',
        'text/plain',
      ])
      expect(stats.byCodec.find(({ codec }) => codec === stored[0]?.codec)).toMatchObject({ files: 1 })
      expect(stats.byReason.map(({ reason }) => reason).toSorted()).toEqual(['compressed', 'off'])

      for (const key of ['a', 'b']) await api.delete(bucket, key, { as: alice })
      expect(await read(target, alice)).toEqual(empty)
    })

    test('show users their own buckets only, and administrators all', async () => {
      const { api, admin, person } = stage
      const [carol, dave] = [await person('carol'), await person('dave')]
      for (const [owner, name] of [
        [carol, `carols-${carol.userId.slice(-8)}`],
        [dave, `daves-${dave.userId.slice(-8)}`],
      ] as const) {
        await api.call('POST', '/api/v1/buckets', { as: owner, json: { name } })
        await api.put(name, 'x', text, { as: owner })
      }
      const own = await read(statsPath, carol)
      checkSums(own)
      expect(own.byUser.map(({ userId }) => userId)).toEqual([carol.userId])
      expect(own.totals.files).toBe(1)
      const all = await read(statsPath, admin)
      checkSums(all)
      expect(all.byUser.map(({ userId }) => userId)).toEqual(
        expect.arrayContaining([carol.userId, dave.userId]),
      )
    })

    test('R26: what a public bucket takes is its owner’s business', async () => {
      const { api, bob, admin, alice } = stage
      const bucket = await stage.bucket('public')
      await api.put(bucket, 'x', text, { as: alice })
      const target = `${statsPath}?bucket=${bucket}`
      expect((await api.call('GET', target)).json()).toMatchObject({ status: 401, code: 'unauthenticated' })
      expect((await api.call('GET', statsPath)).json()).toMatchObject({
        status: 401,
        code: 'unauthenticated',
      })
      expect((await api.call('GET', target, { as: bob })).json()).toMatchObject({ code: 'access_denied' })
      expect((await read(target, admin)).totals.files).toBe(1)
      const missing = await api.call('GET', `${statsPath}?bucket=no-such-bucket`, { as: bob })
      expect(missing.json()).toMatchObject({ status: 404, code: 'bucket_not_found' })
      const other = await api.call('GET', `${statsPath}?user=x`, { as: bob })
      expect(other.json()).toMatchObject({ status: 400, code: 'invalid_request' })
    })

    test('one bucket’s name may begin with another’s', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      for (const name of [`${bucket}-a`, `${bucket}.b`, `${bucket}0`]) {
        await api.call('POST', '/api/v1/buckets', { as: alice, json: { name } })
        await api.put(name, 'x', text, { as: alice })
      }
      expect((await read(`${statsPath}?bucket=${bucket}`, alice)).totals.files).toBe(0)
    })
  })

  describe('the analysis of a sample', () => {
    const analyze = (
      query: string,
      body: string | Uint8Array,
      as: Stage['alice'] | undefined = stage.alice,
    ) => stage.api.call('POST', `${analyzePath}${query}`, { as, body })

    test('says what each codec makes of it and how it would be stored', async () => {
      const answer = await analyze('?key=notes.txt', text)
      expect(answer.status).toBe(200)
      const analysis = answer.json<{
        measurements: { codec: string; storedBytes: number; ratio: number }[]
      }>()
      expect(analysis).toMatchObject({
        sizeBytes: text.length,
        mediaType: 'text/plain',
        text: true,
        format: null,
        verdict: { reason: 'compressed' },
      })
      const gzip = analysis.measurements.find(({ codec }) => codec === 'gzip')
      expect(gzip).toMatchObject({ contentCoding: 'gzip', skipped: null })
      expect(gzip?.ratio).toBeCloseTo((gzip?.storedBytes as number) / text.length, 3)
    })

    test('goes by the type that is given, and by a bucket’s policy', async () => {
      const { api, alice, bob } = stage
      const typed = await analyze('?key=a.txt&contentType=image%2Fpng', text)
      expect(typed.json()).toMatchObject({ mediaType: 'image/png', verdict: { reason: 'type', gain: null } })
      const bucket = await stage.bucket()
      const json = { compression: { mode: 'off' } }
      await api.call('PATCH', `/api/v1/buckets/${bucket}`, { as: alice, json })
      const off = await analyze(`?bucket=${bucket}`, text)
      expect(off.json()).toMatchObject({ verdict: { codec: 'identity', reason: 'off' } })
      const foreign = await analyze(`?bucket=${bucket}`, text, bob)
      expect(foreign.json()).toMatchObject({ code: 'access_denied' })
    })

    test('of nothing is no division by it', async () => {
      const answer = await analyze('', '')
      const { measurements } = answer.json<{ measurements: { ratio: number | null }[] }>()
      expect(measurements.every(({ ratio }) => ratio === null)).toBe(true)
    })

    test('is for who is signed in, of no more than its limit, and of a type that is one', async () => {
      const anonymous = await stage.api.call('POST', analyzePath, { body: text })
      expect(anonymous.json()).toMatchObject({ status: 401, code: 'unauthenticated' })
      const large = await analyze('', new Uint8Array(16 * 1024 ** 2 + 1))
      expect(large.json()).toMatchObject({ status: 413, code: 'too_large', limitBytes: 16 * 1024 ** 2 })
      const odd = await analyze('?contentType=nonsense', text)
      expect(odd.json()).toMatchObject({ status: 400, code: 'invalid_request' })
    })
  })
}
