import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createDiskCacheTier } from '../../../src/adapters/disk/cache-tier.ts'
import type { DiskCacheTier, DiskCacheTierOptions } from '../../../src/adapters/disk/cache-tier.ts'
import { createKeyHash } from '../../../src/core/cache/byte-caches.ts'
import { patternBytes } from '../../contracts/http/bytes.ts'
import { entryOf } from '../../core/cache/entries.ts'

const hashKey = createKeyHash('a master key for tests')
const mebi = 1024 ** 2
const openFolder = () => mkdtemp(join(tmpdir(), 'cutty-disk-cache-'))

const startMs = Date.UTC(2026, 0, 1)
let folder: string
let tiers: DiskCacheTier[]
let nowMs: number
beforeEach(async () => {
  folder = await openFolder()
  tiers = []
  nowMs = startMs
})
afterEach(async () => {
  for (const tier of tiers) await tier.close()
  await rm(folder, { recursive: true, force: true })
})

function openTier(more: Partial<DiskCacheTierOptions> = {}): DiskCacheTier {
  const tier = createDiskCacheTier({
    folder,
    bytesMax: 16 * mebi,
    hashKey,
    clock: { now: () => nowMs },
    ...more,
  })
  tiers.push(tier)
  return tier
}
const pathOf = (key: string) => join(folder, hashKey(key).slice(0, 2), hashKey(key))
const filesIn = async (path = folder) =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name))
/** Without a wait, in which something could still be removed. */
const bytesOnDisk = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => statSync(join(each.parentPath, each.name)).size)
    .reduce((sum, size) => sum + Math.ceil(size / 4096) * 4096, 0)
const lengthsOf = async (tier: DiskCacheTier, keys: readonly string[]) =>
  Promise.all(keys.map(async (key) => (await tier.get(key))?.bytes.length))

describe('the disk tier', () => {
  test('cannot be built without room', () => {
    for (const bytesMax of [0, -1, mebi - 1, Number.NaN, Infinity])
      expect(() => openTier({ bytesMax })).toThrow(RangeError)
    for (const entriesMax of [0, 15, Number.NaN]) expect(() => openTier({ entriesMax })).toThrow(RangeError)
  })

  test('keeps the largest value that it says, however small it is itself', async () => {
    for (const bytesMax of [mebi, 3 * mebi, 200 * mebi]) {
      const tier = openTier({ bytesMax, folder: join(folder, `${bytesMax}`) })
      const { valueBytesMax } = tier.capabilities
      expect(valueBytesMax).toBe(Math.min(16 * mebi, Math.floor(bytesMax / 10)))
      const entry = entryOf(new Uint8Array(valueBytesMax).fill(7), { metadata: 'm'.repeat(1000) })
      await tier.set('a', entry)
      expect(await lengthsOf(tier, ['a'])).toEqual([valueBytesMax])
    }
  })

  test('shows nothing of a key in the name of a file, nor to other users (R28)', async () => {
    const tier = openTier()
    await tier.set('../secret', entryOf(patternBytes(3)))
    expect(await filesIn()).toEqual([pathOf('../secret')])
    expect((await stat(pathOf('../secret'))).mode & 0o777).toBe(0o600)
  })

  test('names no file by what is no hash', async () => {
    for (const name of [
      '',
      '..',
      '../../../etc/passwd',
      'a'.repeat(15),
      'a'.repeat(201),
      `${'a'.repeat(20)}/b`,
    ]) {
      const tier = openTier({ hashKey: () => name })
      await expect(tier.get('a')).rejects.toThrow(TypeError)
      await expect(tier.set('a', entryOf(patternBytes(3)))).rejects.toThrow(TypeError)
      await expect(tier.delete(['a'])).rejects.toThrow(TypeError)
    }
  })
})

describe('a file of the disk tier', () => {
  /** The entry is not given, the file is gone, others and a new entry are not harmed. */
  async function expectLost(tier: DiskCacheTier, what: string) {
    expect(await tier.get('a'), what).toBeUndefined()
    expect(await filesIn(), what).toEqual([pathOf('b')])
    expect(tier.entries.size, what).toBe(1)
    await tier.set('a', entryOf(patternBytes(5)))
    expect(await lengthsOf(tier, ['a', 'b']), what).toEqual([5, 7])
    await tier.delete(['a'])
  }
  /** What a crash or a bad disk may make of it. */
  const damages: Record<string, (file: Buffer) => Uint8Array> = {
    'no bytes': () => new Uint8Array(0),
    'zeros of its length': (file) => new Uint8Array(file.length),
    'its beginning, then zeros': (file) =>
      Buffer.concat([file.subarray(0, 60), Buffer.alloc(file.length - 60)]),
    'a byte more': (file) => Buffer.concat([file, Buffer.of(0)]),
    'itself twice': (file) => Buffer.concat([file, file]),
    'the version after this': (file) => Buffer.concat([file.subarray(0, 3), Buffer.of(2), file.subarray(4)]),
    'a head without an end': (file) => {
      const other = Buffer.from(file)
      other.writeUInt32LE(0xffffffff, 8)
      return other
    },
  }

  test.each(Object.entries(damages))('that holds %s is a miss, and removed', async (what, damage) => {
    const tier = openTier()
    await tier.set('a', entryOf(patternBytes(1000)))
    await tier.set('b', entryOf(patternBytes(7)))
    await writeFile(pathOf('a'), damage(await readFile(pathOf('a'))))
    await expectLost(tier, what)
  })

  test('that is cut anywhere, or has another bit anywhere, is a miss', async () => {
    const tier = openTier()
    await tier.set('b', entryOf(patternBytes(7)))
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 300 }),
        fc.nat(),
        fc.nat(7),
        fc.boolean(),
        async (size, place, bit, cut) => {
          await tier.set('a', entryOf(patternBytes(size), { metadata: 'm', tags: ['t'] }))
          const file = await readFile(pathOf('a'))
          const at = place % file.length
          file[at]! ^= 1 << bit
          await writeFile(pathOf('a'), cut ? file.subarray(0, at) : file)
          await expectLost(tier, `${cut ? 'cut' : 'bit'} ${bit} at ${at} of ${file.length}`)
        },
      ),
      { seed: 18, numRuns: 150 },
    )
  })

  test('that has the name of another is a miss (R28)', async () => {
    const tier = openTier()
    await tier.set('b', entryOf(patternBytes(7)))
    await tier.set('a', entryOf(patternBytes(7, 2)))
    await cp(pathOf('b'), pathOf('a'))
    await expectLost(tier, 'swapped')
  })

  test('that is larger than any entry is not read', async () => {
    const tier = openTier({ bytesMax: mebi })
    await tier.set('b', entryOf(patternBytes(7)))
    await tier.set('a', entryOf(patternBytes(7)))
    await truncate(pathOf('a'), 2 ** 42)
    await expectLost(tier, 'large')
  })

  test('that has expired is removed when it is met', async () => {
    const tier = openTier()
    await tier.set('b', entryOf(patternBytes(7)))
    await tier.set('a', entryOf(patternBytes(7), { expiresAtMs: startMs + 5 }))
    nowMs += 5
    await expectLost(tier, 'expired')
  })

  test('is whole for a reader, however often it is replaced meanwhile', async () => {
    const tier = openTier()
    const versions = Array.from({ length: 30 }, (_, index) => entryOf(patternBytes(200_000, index + 1)))
    await tier.set('a', versions[0]!)
    const progress = { writing: true }
    const written = (async () => {
      for (const version of versions) await tier.set('a', version)
      progress.writing = false
    })()
    let reads = 0
    for (; progress.writing; reads++) {
      const { bytes } = (await tier.get('a'))!
      const seed = versions.find((version) => version.bytes[0] === bytes[0] && version.bytes[1] === bytes[1])
      expect(Buffer.compare(bytes, seed!.bytes)).toBe(0)
    }
    await written
    expect(reads).toBeGreaterThan(5)
    expect(await filesIn()).toEqual([pathOf('a')])
  })
})

describe('the bound of the disk tier', () => {
  test('holds on the disk, after every set; the index and the folder hold the same', async () => {
    const tier = openTier({ bytesMax: 2 * mebi })
    const random = patternBytes(3000, 5)
    for (let number = 0; number < 600; number++) {
      const size = (random[number]! ** 2 * 3) >> (number % 4)
      await tier.set(`key ${number}`, entryOf(patternBytes(size)))
      if (number % 3 === 0) await tier.get(`key ${random[number]!}`)
      if (number % 5 === 0) expect(bytesOnDisk()).toBeLessThanOrEqual(2 * mebi)
    }
    expect(bytesOnDisk()).toBeLessThanOrEqual(2 * mebi)
    expect(bytesOnDisk()).toBeGreaterThan(mebi)
    expect(await filesIn()).toHaveLength(tier.entries.size)
    expect(tier.entries.stats.evictions).toBeGreaterThan(10)
  })

  test('holds after many sets at once, and what made room is a miss', async () => {
    const tier = openTier({ bytesMax: 2 * mebi })
    const keys = Array.from({ length: 300 }, (_, index) => `key ${index}`)
    await Promise.all(keys.map((key) => tier.set(key, entryOf(patternBytes(30_000)))))
    expect(bytesOnDisk()).toBeLessThanOrEqual(2 * mebi)
    const files = await filesIn()
    expect(files).toHaveLength(tier.entries.size)
    const found = (await lengthsOf(tier, keys)).filter((length) => length === 30_000)
    expect(found).toHaveLength(files.length)
    expect(files.length).toBeGreaterThan(40)
  })

  test('is also one of entries, since the index is in memory', async () => {
    const tier = openTier({ entriesMax: 50 })
    for (let number = 0; number < 200; number++) await tier.set(`key ${number}`, entryOf(patternBytes(1)))
    expect(tier.entries.size).toBeGreaterThan(30)
    expect(tier.entries.size).toBeLessThanOrEqual(50)
    expect(await filesIn()).toHaveLength(tier.entries.size)
  })

  test('sets, gets and deletes at once end with index and folder the same, each file right', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ key: fc.nat(19), act: fc.nat(5), size: fc.integer({ min: 40_000, max: 100_000 }) }),
          {
            maxLength: 150,
            size: 'max',
          },
        ),
        async (acts) => {
          await mkdir(join(folder, 'acts'))
          const tier = openTier({ bytesMax: mebi, folder: join(folder, 'acts') })
          await Promise.all(
            acts.map(async ({ key, act, size }) => {
              if (act === 0) return tier.delete([`${key}`])
              if (act < 3)
                return tier.set(`${key}`, entryOf(patternBytes(size, key + 1), { metadata: `${key}` }))
              expect((await tier.get(`${key}`))?.metadata ?? `${key}`).toBe(`${key}`)
            }),
          )
          await tier.close()
          expect(await filesIn(join(folder, 'acts'))).toHaveLength(tier.entries.size)
          await rm(join(folder, 'acts'), { recursive: true, force: true })
        },
      ),
      { seed: 30, numRuns: 25 },
    )
  })
})

describe('a restart of the disk tier', () => {
  const keys = Array.from({ length: 100 }, (_, index) => `key ${index}`)
  const fill = async (tier: DiskCacheTier, sizeBytes = 5000) => {
    await Promise.all(
      keys.map((key) => tier.set(key, entryOf(patternBytes(sizeBytes), { metadata: key, tags: [key] }))),
    )
    await tier.close()
  }

  test('finds everything at once, and counts it when it has looked', async () => {
    await fill(openTier())
    const next = openTier()
    expect(next.entries.size).toBe(0)
    const got = await Promise.all(keys.map((key) => next.get(key)))
    expect(got.map((entry) => [entry?.metadata, entry?.tags])).toEqual(keys.map((key) => [key, [key]]))
    await next.scanned
    expect(next.entries.size).toBe(100)
    expect(await next.get('never')).toBeUndefined()
  })

  test.each(['while it looks', 'afterwards'])(
    'and is cleared %s, of what is not cutty’s nothing',
    async (when) => {
      await fill(openTier())
      await writeFile(join(folder, 'README'), 'not an entry')
      const next = openTier()
      if (when === 'afterwards') await next.scanned
      await next.set('own', entryOf(patternBytes(10)))
      await next.clear()
      await next.scanned
      expect(await filesIn()).toEqual([join(folder, 'README')])
      expect([next.entries.size, await lengthsOf(next, [...keys, 'own'])]).toEqual([
        0,
        Array(101).fill(undefined),
      ])
      await next.set('later', entryOf(patternBytes(10)))
      expect(await lengthsOf(next, ['later'])).toEqual([10])
    },
  )

  test('brings nothing back that is deleted, replaced or expired while it looks', async () => {
    await fill(openTier())
    const next = openTier()
    await Promise.all(
      keys.map(async (key, index) => {
        if (index % 3 === 0) await next.delete([key])
        if (index % 3 === 1) await next.set(key, entryOf(patternBytes(1)))
      }),
    )
    const expected = keys.map((_, index) => [undefined, 1, 5000][index % 3])
    expect(await lengthsOf(next, keys)).toEqual(expected)
    await next.scanned
    expect(await lengthsOf(next, keys)).toEqual(expected)
    expect(await filesIn()).toHaveLength(next.entries.size)
  })

  test('with less room removes what does not fit any more', async () => {
    await fill(openTier(), 50_000)
    const next = openTier({ bytesMax: mebi })
    await next.scanned
    expect(bytesOnDisk()).toBeLessThanOrEqual(mebi)
    expect(await filesIn()).toHaveLength(next.entries.size)
    expect(next.entries.size).toBeGreaterThan(10)
  })

  test('can end before it has seen everything, and nothing is lost by that', async () => {
    await fill(openTier())
    await openTier().close()
    expect(await lengthsOf(openTier(), keys)).toEqual(keys.map(() => 5000))
  })

  test('removes drafts that nobody can be writing any more, and no files of others', async () => {
    await fill(openTier())
    const others = [join(folder, 'notes.txt'), join(folder, 'ab'), join(folder, 'tmp', 'young')]
    await writeFile(join(folder, 'tmp', 'old'), 'half')
    for (const path of others) await writeFile(path, 'ours')
    await utimes(join(folder, 'tmp', 'old'), new Date(startMs - 3_600_001), new Date(startMs - 3_600_001))
    await utimes(join(folder, 'tmp', 'young'), new Date(startMs - 1000), new Date(startMs - 1000))
    const next = openTier()
    await next.scanned
    expect(next.entries.size).toBe(100)
    const left = await filesIn()
    expect(left).toHaveLength(103)
    expect(left).toEqual(expect.arrayContaining(others))
  })

  test('where there is no folder begins with nothing, and makes it', async () => {
    const next = openTier({ folder: join(folder, 'not', 'yet') })
    await next.scanned
    expect(await next.get('a')).toBeUndefined()
    await next.delete(['a'])
    await next.set('a', entryOf(patternBytes(3)))
    expect(await lengthsOf(next, ['a'])).toEqual([3])
  })
})

describe('a disk tier whose folder', () => {
  test('is removed while it runs has misses, and goes on', async () => {
    const tier = openTier()
    for (const key of ['a', 'b', 'c']) await tier.set(key, entryOf(patternBytes(10)))
    await rm(folder, { recursive: true })
    expect(await lengthsOf(tier, ['a', 'never'])).toEqual([undefined, undefined])
    await tier.delete(['b'])
    expect(tier.entries.size).toBe(1)
    await tier.set('c', entryOf(patternBytes(20)))
    await tier.set('d', entryOf(patternBytes(30)))
    expect(await lengthsOf(tier, ['a', 'b', 'c', 'd'])).toEqual([undefined, undefined, 20, 30])
  })

  test('cannot be written rejects, without the entry before and without a draft', async () => {
    const tier = openTier()
    await tier.set('a', entryOf(patternBytes(10)))
    await rm(join(folder, 'tmp'), { recursive: true })
    await writeFile(join(folder, 'tmp'), 'in the way')
    await expect(tier.set('a', entryOf(patternBytes(20)))).rejects.toThrow()
    await expect(tier.set('b', entryOf(patternBytes(20)))).rejects.toThrow()
    expect(await lengthsOf(tier, ['a', 'b'])).toEqual([undefined, undefined])
    expect(tier.entries.size).toBe(0)
    await rm(join(folder, 'tmp'))
    await tier.set('a', entryOf(patternBytes(20)))
    expect(await lengthsOf(tier, ['a'])).toEqual([20])
    expect(await filesIn()).toEqual([pathOf('a')])
  })

  test('cannot be read rejects, and deletes what it can', async () => {
    const tier = openTier()
    for (const key of ['a', 'b', 'c']) await tier.set(key, entryOf(patternBytes(10)))
    await rename(pathOf('b'), `${pathOf('b')}-aside`)
    await mkdir(pathOf('b'))
    await expect(tier.get('b')).rejects.toThrow('EISDIR')
    await expect(tier.delete(['a', 'b', 'c'])).rejects.toThrow()
    expect(await lengthsOf(tier, ['a', 'c'])).toEqual([undefined, undefined])
  })
})

describe('two processes with one folder', () => {
  const url = new URL('../../../src/adapters/disk/cache-tier.ts', import.meta.url).href
  /** Sets, gets and deletes of a few keys, with little room; prints what it has found wrong. */
  const program = (seed: number) => `
    import { createHash } from 'node:crypto'
    import { createDiskCacheTier } from ${JSON.stringify(url)}
    const tier = createDiskCacheTier({
      folder: ${JSON.stringify(folder)},
      bytesMax: 2 ** 20,
      hashKey: (key) => createHash('sha256').update(key).digest('base64url'),
      clock: { now: () => ${startMs} },
    })
    let state = ${seed}
    const random = (below) => (state = (state * 48271) % 2147483647) % below
    let wrong = 0
    let found = 0
    const act = async () => {
      const key = random(30)
      const kind = random(10)
      if (kind === 0) return tier.delete([String(key)])
      if (kind < 5) {
        const bytes = new Uint8Array(random(90_000)).fill(key)
        return tier.set(String(key), { bytes, metadata: String(key), bornMs: bytes.length, expiresAtMs: Infinity })
      }
      const entry = await tier.get(String(key))
      if (!entry) return
      found++
      if (entry.metadata !== String(key) || entry.bornMs !== entry.bytes.length) wrong++
      if (!entry.bytes.every((byte) => byte === key)) wrong++
    }
    for (let round = 0; round < 150; round++) await Promise.all(Array.from({ length: 8 }, act))
    await tier.close()
    console.log(JSON.stringify({ wrong, found }))
  `
  async function runProgram(seed: number): Promise<{ wrong: number; found: number }> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program(seed)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [text, [code]] = await Promise.all([
      child.stdout.setEncoding('utf8').toArray(),
      once(child, 'close'),
    ])
    expect(code).toBe(0)
    return JSON.parse(text.join('')) as { wrong: number; found: number }
  }

  test('never give a wrong or half an entry, and leave files that are all whole (R28)', async () => {
    const results = await Promise.all([runProgram(7), runProgram(11)])
    for (const { wrong, found } of results) {
      expect(wrong).toBe(0)
      expect(found).toBeGreaterThan(50)
    }
    const names = (await filesIn()).map((path) => path.split('/').at(-1) as string)
    const next = openTier({ hashKey: (key) => createHash('sha256').update(key).digest('base64url') })
    const got = await Promise.all(Array.from({ length: 30 }, (_, key) => next.get(`${key}`)))
    expect(got.filter((entry) => entry !== undefined)).toHaveLength(names.length)
    await next.scanned
    expect(next.entries.size).toBe(names.length)
  })

  test('a delete by one is one for the other, a set by one harms nothing of the other', async () => {
    const [one, other] = [openTier(), openTier()]
    await Promise.all([one.scanned, other.scanned])
    await one.set('a', entryOf(patternBytes(10)))
    await other.set('b', entryOf(patternBytes(20)))
    await other.delete(['a'])
    expect(await lengthsOf(one, ['a'])).toEqual([undefined])
    await one.set('b', entryOf(patternBytes(30)))
    expect(await lengthsOf(other, ['b'])).toEqual([30])
    expect(one.entries.size).toBe(1)
  })
})
