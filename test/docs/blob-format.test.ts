import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { codecs } from '../../src/core/compression/codecs.ts'
import { encodeFrames } from '../../src/core/compression/encode.ts'
import { parseIndex, streamBytes } from '../../src/core/compression/frame-index.ts'
import { collect } from '../core/compression/samples.ts'

test('the example of the blob format is what the code writes and reads', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/formats/blob.md'), 'utf8')
  const example = page.slice(page.indexOf('## An example'))
  const lines = [...example.matchAll(/^((?:[0-9a-f]{2} )+) /gm)].map(([, hex]) => hex as string)
  const blob = new Uint8Array(Buffer.from(lines.join('').replaceAll(' ', ''), 'hex'))

  async function* plain() {
    yield new TextEncoder().encode('hi')
  }
  const options = { codec: codecs.gzip, level: 6, frameBytes: 65_536, parallel: 1 }
  const encoded = encodeFrames(plain(), options)
  expect(Buffer.from(blob).toString('hex')).toBe(Buffer.from(await collect(encoded.body)).toString('hex'))

  const stream = streamBytes(encoded.result().index)
  expect(gunzipSync(blob.subarray(0, stream)).toString()).toBe('hi')
  const index = parseIndex(blob.subarray(stream), { sizeBytes: 2, storedBytes: blob.length })
  expect(index).toEqual(encoded.result().index)
})
