import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { defaultPolicy } from '../../../src/core/compression/policy.ts'
import { randomBytes, textBytes } from '../../core/compression/samples.ts'
import { accepting, expectCoded, formOf, store, type Headers } from './coded.ts'
import type { Stage } from './stage.ts'

/** The least that a form needs. */
function formBody(fileName: string, content: Uint8Array): { type: string; bytes: Uint8Array } {
  const head = `--b\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\nContent-Type: text/plain\r\n\r\n`
  return {
    type: 'multipart/form-data; boundary=b',
    bytes: Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n--b--\r\n')]),
  }
}

export function storingTests(stage: Stage): void {
  describe('X-Cutty-Compression', () => {
    const body = textBytes(100_000)

    test.each([
      ['gzip', 'gzip', 6],
      ['gzip;level=9', 'gzip', 9],
      ['gzip; level=1', 'gzip', 1],
      [' deflate;level=3 ', 'deflate', 3],
      ['brotli;level=0', 'brotli', 0],
      ['brotli', 'brotli', 5],
      ['zstd;level=19', 'zstd', 19],
      ['zstd', 'zstd', 3],
      ['lz4;level=1', 'lz4', 1],
      ['auto', 'brotli', 5],
    ])('%s', async (value, codec, level) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers = { 'Content-Type': 'text/plain', 'X-Cutty-Compression': value }
      const put = await api.put(bucket, 'f', body, { as: alice, headers })
      expect(put.json()).toMatchObject({
        codec,
        compression: { reason: 'compressed', level, frameBytes: body.length },
      })
      const info = (await api.info(bucket, 'f', { as: alice })).json<{
        sizeBytes: number
        storedBytes: number
        compression: { gain: number }
      }>()
      expect(info).toEqual(put.json())
      expect(info.compression.gain).toBeCloseTo(1 - info.storedBytes / info.sizeBytes, 3)
      expect(info.storedBytes).toBeLessThan(body.length / 2)
    })

    test('off keeps all; what would not get smaller is kept too, and says so', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const put = (value: string, bytes: Uint8Array, type = 'application/x-own') =>
        api.put(bucket, 'f', bytes, {
          as: alice,
          headers: { 'Content-Type': type, 'X-Cutty-Compression': value },
        })
      const kept = async (value: string, bytes: Uint8Array, type?: string) =>
        (await put(value, bytes, type)).json<{ codec: string; compression: { reason: string } }>()
      expect(await kept('off', body)).toMatchObject({
        codec: 'identity',
        compression: { reason: 'off', gain: null },
      })
      const noise = await kept('gzip', randomBytes(100_000))
      expect(noise).toMatchObject({ codec: 'identity', compression: { reason: 'no_gain' } })
      expect(await kept('auto', body, 'image/png')).toMatchObject({ compression: { reason: 'type' } })
      // Who names a codec knows better than a list of types.
      expect(await kept('gzip', body, 'image/png')).toMatchObject({ codec: 'gzip' })
    })

    test.each([
      '',
      'GZIP',
      'br',
      'identity',
      'none',
      'zstd;level=20',
      'zstd;level=0',
      'zstd;level=-1',
      'zstd;level=3.5',
      'zstd;level=',
      'zstd;level=100',
      'zstd;quality=3',
      'zstd;level=3;level=4',
      'gzip;level=0',
      'brotli;level=12',
      'lz4;level=2',
      'off;level=1',
      'auto;level=1',
      'zstd, gzip',
      'constructor',
      '__proto__',
    ])('refuses %j, says what is accepted, and stores nothing', async (value) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const headers = { 'X-Cutty-Compression': value }
      const refused = await api.put(bucket, 'f', body, { as: alice, headers })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
      expect(refused.json()['detail']).toMatch(
        /^X-Cutty-Compression: .*(auto, off, |has the levels \d+ to \d+|has no levels)/,
      )
      expect((await api.get(bucket, 'f', { as: alice })).status).toBe(404)
      const form = formBody('f', body)
      const posted = await api.call('POST', `/api/v1/buckets/${bucket}/files`, {
        as: alice,
        body: form.bytes,
        headers: {
          'Content-Type': form.type,
          ...headers,
        },
      })
      expect(posted.json()).toMatchObject({ status: 400, code: 'invalid_request' })
      expect((await api.get(bucket, 'f', { as: alice })).status).toBe(404)
    })

    test('holds for every file of a form', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      for (const codec of ['gzip', 'zstd', 'identity']) {
        const form = formBody('f', body)
        const value = codec === 'identity' ? 'off' : codec
        const posted = await api.call('POST', `/api/v1/buckets/${bucket}/files`, {
          as: alice,
          body: form.bytes,
          headers: {
            'Content-Type': form.type,
            'X-Cutty-Compression': value,
          },
        })
        expect(posted.status).toBe(201)
        expect(posted.json<{ files: { file: unknown }[] }>().files[0]?.file).toMatchObject({ codec })
        expect(Buffer.compare((await api.get(bucket, 'f', { as: alice })).bytes, body)).toBe(0)
      }
    })

    test('a copy and a rename say what they carry (R20)', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      const tag = await store(stage, { bucket, key: 'f', codec: 'deflate', body })
      const info = (await api.info(bucket, 'f', { as: alice })).json()
      const { codec, storedBytes, compression, sha256 } = info
      for (const [verb, from, to] of [
        ['copy', 'f', 'g'],
        ['rename', 'g', 'h'],
      ] as const) {
        const json = { source: { key: from }, destination: { key: to } }
        const moved = await api.call('POST', `/api/v1/buckets/${bucket}/${verb}`, { as: alice, json })
        expect(moved.json()).toMatchObject({ codec, storedBytes, compression, sha256 })
        const got = await api.get(bucket, to, { as: alice, headers: accepting('deflate') })
        expectCoded(got, formOf('deflate'), tag, body)
      }
    })
  })
}

interface BucketAnswer {
  visibility: string
  compression: Record<string, unknown>
}

export function compressionPolicyTests(stage: Stage): void {
  describe('a bucket’s compression policy', () => {
    const defaults = { ...defaultPolicy, denyTypes: [] }
    const body = textBytes(50_000)
    const change = (bucket: string, json: unknown) =>
      stage.api.call('PATCH', `/api/v1/buckets/${bucket}`, { as: stage.alice, json })
    const show = async (bucket: string) =>
      (await stage.api.call('GET', `/api/v1/buckets/${bucket}`, { as: stage.alice })).json<BucketAnswer>()
    const codecOf = async (bucket: string, headers: Headers = {}) => {
      const put = await stage.api.put(bucket, 'f', body, {
        as: stage.alice,
        headers: { 'Content-Type': 'text/plain', ...headers },
      })
      const { codec, compression } = put.json<{
        codec: string
        compression: { level: number; reason: string }
      }>()
      return [codec, compression.level, compression.reason]
    }

    test('is the default where it has none, and shown as it applies', async () => {
      const bucket = await stage.bucket()
      expect((await show(bucket)).compression).toEqual(defaults)
      expect(await codecOf(bucket)).toEqual(['brotli', 5, 'compressed'])
    })

    test('is given when the bucket is made', async () => {
      const { api, alice } = stage
      const name = `made-${await stage.bucket()}`
      const json = { name, compression: { mode: 'gzip', level: 9 } }
      const made = await api.call('POST', '/api/v1/buckets', { as: alice, json })
      expect(made.json()).toMatchObject({ compression: { ...defaults, mode: 'gzip', level: 9 } })
      expect((await show(name)).compression).toEqual({ ...defaults, mode: 'gzip', level: 9 })
      expect(await codecOf(name)).toEqual(['gzip', 9, 'compressed'])
    })

    test('is replaced as a whole, reset by null, and leaves visibility alone, as that leaves it', async () => {
      const bucket = await stage.bucket('public')
      const own = {
        mode: 'zstd',
        level: 7,
        minimumGain: 0.2,
        minimumBytes: 10,
        denyTypes: ['text/html', 'image/*'],
      }
      expect((await change(bucket, { compression: own })).json()).toMatchObject({
        visibility: 'public',
        compression: own,
      })
      expect(await show(bucket)).toMatchObject({ visibility: 'public', compression: own })
      await change(bucket, { visibility: 'private' })
      expect(await show(bucket)).toMatchObject({ visibility: 'private', compression: own })
      await change(bucket, {})
      expect(await show(bucket)).toMatchObject({ visibility: 'private', compression: own })
      await change(bucket, { compression: { minimumBytes: 5 } })
      expect((await show(bucket)).compression).toEqual({ ...defaults, minimumBytes: 5 })
      await change(bucket, { compression: {}, visibility: 'public' })
      expect(await show(bucket)).toMatchObject({ visibility: 'public', compression: defaults })
      await change(bucket, { compression: own })
      const reset = (await change(bucket, { compression: null })).json<BucketAnswer>()
      expect(reset).toMatchObject({ visibility: 'public', compression: defaults })
      expect((await show(bucket)).compression).toEqual(defaults)
    })

    test('holds for files to come, and not for those that are there', async () => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await change(bucket, { compression: { mode: 'off' } })
      expect(await codecOf(bucket)).toEqual(['identity', 0, 'off'])
      await change(bucket, { compression: { mode: 'deflate', level: 22 } })
      expect((await api.info(bucket, 'f', { as: alice })).json()).toMatchObject({ codec: 'identity' })
      expect(await codecOf(bucket)).toEqual(['deflate', 9, 'compressed'])
      await change(bucket, { compression: { denyTypes: ['text/*'] } })
      expect(await codecOf(bucket)).toEqual(['identity', 0, 'type'])
      await change(bucket, { compression: { minimumBytes: body.length + 1 } })
      expect(await codecOf(bucket)).toEqual(['identity', 0, 'small'])
      await change(bucket, { compression: { minimumGain: 1 } })
      expect(await codecOf(bucket)).toEqual(['identity', 0, 'no_gain'])
      // The other members are the bucket’s, whoever chooses the codec.
      expect(await codecOf(bucket, { 'X-Cutty-Compression': 'gzip' })).toEqual(['identity', 0, 'no_gain'])
    })

    test('gives way to the header, whose codec has its own level', async () => {
      const bucket = await stage.bucket()
      await change(bucket, { compression: { mode: 'zstd', level: 19 } })
      expect(await codecOf(bucket)).toEqual(['zstd', 19, 'compressed'])
      expect(await codecOf(bucket, { 'X-Cutty-Compression': 'off' })).toEqual(['identity', 0, 'off'])
      expect(await codecOf(bucket, { 'X-Cutty-Compression': 'gzip;level=2' })).toEqual([
        'gzip',
        2,
        'compressed',
      ])
      expect(await codecOf(bucket, { 'X-Cutty-Compression': 'gzip' })).toEqual(['gzip', 6, 'compressed'])
      expect(await codecOf(bucket, { 'X-Cutty-Compression': 'brotli' })).toEqual(['brotli', 5, 'compressed'])
      expect(await codecOf(bucket, { 'X-Cutty-Compression': 'auto' })).toEqual(['brotli', 5, 'compressed'])
    })

    test.each([
      ['an unknown mode', { mode: 'snappy' }],
      ['a coding’s name for a codec', { mode: 'br' }],
      ['identity', { mode: 'identity' }],
      ['a level too high', { mode: 'zstd', level: 23 }],
      ['a level below zero', { mode: 'zstd', level: -1 }],
      ['half a level', { mode: 'zstd', level: 1.5 }],
      ['a gain above one', { minimumGain: 1.1 }],
      ['a gain below zero', { minimumGain: -0.1 }],
      ['a gain as text', { minimumGain: '0.1' }],
      ['bytes below zero', { minimumBytes: -1 }],
      ['half a byte', { minimumBytes: 0.5 }],
      ['a type that is none', { denyTypes: ['image'] }],
      ['every type', { denyTypes: ['*/*'] }],
      ['a type with parameters', { denyTypes: ['text/plain; charset=utf-8'] }],
      ['types that are no list', { denyTypes: 'image/png' }],
      ['too many types', { denyTypes: Array.from({ length: 101 }, (_, i) => `a/b${i}`) }],
      ['an unknown member', { mode: 'auto', speed: 'fast' }],
      ['a list', []],
      ['text', 'zstd'],
    ])('refuses %s, and changes nothing', async (_what, compression) => {
      const { api, alice } = stage
      const bucket = await stage.bucket()
      await change(bucket, { compression: { mode: 'gzip' } })
      const refused = await change(bucket, { compression, visibility: 'public' })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
      expect(await show(bucket)).toMatchObject({ visibility: 'private', compression: { mode: 'gzip' } })
      const name = `refused-${bucket}`
      const made = await api.call('POST', '/api/v1/buckets', { as: alice, json: { name, compression } })
      expect(made.json()).toMatchObject({ status: 400, code: 'invalid_request' })
      expect((await api.call('GET', `/api/v1/buckets/${name}`, { as: alice })).status).toBe(404)
    })

    test('is its owner’s to change, and nobody else’s to see', async () => {
      const { api, bob } = stage
      const bucket = await stage.bucket('public')
      const target = `/api/v1/buckets/${bucket}`
      const json = { compression: { mode: 'off' } }
      expect((await api.call('PATCH', target, { as: bob, json })).status).toBe(403)
      expect((await api.call('PATCH', target, { json })).status).toBe(401)
      expect((await api.call('GET', target, { as: bob })).status).toBe(403)
      expect((await show(bucket)).compression).toEqual(defaults)
    })
  })
}
