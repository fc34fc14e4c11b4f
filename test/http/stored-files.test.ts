import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CodecName } from '../../src/core/compression/codec.ts'
import { parseIndex } from '../../src/core/compression/frame-index.ts'
import type { Core } from '../../src/core/core.ts'
import type { FileRecord } from '../../src/core/files/file.ts'
import { createHttpServer } from '../../src/entry/node-http.ts'
import { createApp } from '../../src/http/app.ts'
import { type Client, createClient } from '../contracts/http/client.ts'
import { textBytes } from '../core/compression/samples.ts'
import { bucket, openStoredFiles, type StoredFiles } from '../core/stored-files.ts'
import { createSocketFetch } from './socket-fetch.ts'

const mebibyte = 1024 ** 2
const text = textBytes(5 * mebibyte)

let files: StoredFiles
let stops: (() => Promise<void> | void)[]
beforeEach(async () => {
  files = await openStoredFiles()
  stops = []
})
afterEach(async () => {
  for (const stop of stops) await stop()
  await files.close()
})

async function serve(core: Core): Promise<Client> {
  const server: Server = createHttpServer(createApp(core))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { fetch, close } = createSocketFetch(`http://127.0.0.1:${port}`)
  stops.push(close, async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return createClient({ fetch })
}

const read = (api: Client, headers: Record<string, string> = {}, method: 'get' | 'head' = 'get') =>
  api[method](bucket, 'f', { as: files.adminKey, headers })

const put = (codec: CodecName, sizeBytes: number) =>
  files.put('f', text.subarray(0, sizeBytes), { compression: { mode: codec } })

/** One byte in the midst of the last frame. */
async function damageLastFrame({ blob }: FileRecord): Promise<void> {
  const stored = new Uint8Array(await files.storedBytes(blob))
  const index = parseIndex(blob.frameIndex as Uint8Array, blob)
  const length = index.frameLengths.at(-1) as number
  const end = index.headBytes + index.frameLengths.reduce((sum, each) => sum + each, 0)
  const at = end - Math.floor(length / 2)
  stored[at] = (stored[at] as number) ^ 0x10
  await files.overwriteStored(blob, stored)
}

const eventsOf = (type: 'damage' | 'request') => files.events.filter((event) => event.type === type)

describe('a file in a codec that is out of service (R23)', () => {
  test.each([5000, 3 * mebibyte])(
    '%i bytes: 503, but as it is stored to whoever takes it so',
    async (size) => {
      await put('gzip', size)
      const available = new Set<CodecName>(['zstd', 'brotli'])
      const api = await serve({ ...files.core, compression: { ...files.core.compression, available } })
      for (const headers of [{}, { Range: 'bytes=0-9' }, { 'Accept-Encoding': 'br, zstd' }]) {
        const refused = await read(api, headers as Record<string, string>)
        expect(refused.json()).toMatchObject({ status: 503, code: 'codec_unavailable', codec: 'gzip' })
        expect(refused.header('retry-after')).toMatch(/^\d+$/)
      }
      const coded = await read(api, { 'Accept-Encoding': 'gzip' })
      expect(coded.status).toBe(200)
      expect(Buffer.compare(gunzipSync(coded.bytes), text.subarray(0, size))).toBe(0)
      expect(eventsOf('damage')).toEqual([])
      // What is not decoded is not missed.
      expect((await read(api, { 'If-None-Match': '*' })).status).toBe(304)
      expect((await api.info(bucket, 'f', { as: files.adminKey })).json()).toMatchObject({ codec: 'gzip' })
    },
  )
})

describe('damage to a stored file (R25)', () => {
  test.each(['zstd', 'gzip', 'brotli', 'deflate', 'lz4'] as const)(
    'in %s is 500 where it is found first',
    async (codec) => {
      const api = await serve(files.core)
      // A large file is decoded while it is sent; a range of it before.
      for (const [size, headers] of [
        [10_000, {}],
        [10_000, { Range: 'bytes=5-6' }],
        [900_000, { Range: 'bytes=5-6' }],
      ] as const) {
        await damageLastFrame(await put(codec, size))
        const before = eventsOf('damage').length
        const got = await read(api, headers)
        expect(got.json()).toMatchObject({ status: 500, code: 'content_damaged' })
        expect(eventsOf('damage')).toHaveLength(before + 1)
      }
    },
  )

  test.each([
    ['gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['brotli', 'br'],
    ['zstd', 'zstd'],
  ] as const)('in %s is 500 too where a small file goes out as it is stored', async (codec, coding) => {
    await damageLastFrame(await put(codec, 40_000))
    const got = await read(await serve(files.core), { 'Accept-Encoding': coding })
    expect(got.json()).toMatchObject({ status: 500, code: 'content_damaged' })
    expect(got.header('content-encoding')).toBeUndefined()
  })

  test.each(['zstd', 'gzip', 'deflate', 'lz4'] as const)(
    'in the last frame of %s breaks the connection off: never a short success',
    async (codec) => {
      await damageLastFrame(await put(codec, text.length))
      const api = await serve(files.core)
      await expect(read(api)).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(eventsOf('request').at(-1)).toMatchObject({ status: 200, aborted: true })
      expect(eventsOf('damage')).toHaveLength(1)
      // The frames before it can be read, on a connection of their own.
      const part = await read(api, { Range: 'bytes=1000-1999' })
      expect(part.status).toBe(206)
      expect(Buffer.compare(part.bytes, text.subarray(1000, 2000))).toBe(0)
    },
  )
})
