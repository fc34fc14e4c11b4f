/**
 * Hit rates of eviction policies over generated traces, into `result.json` and the README. `--part` measures again what it
 * names and keeps the rest: `cost` (memory and speeds), `ours` (our own hit rates; those of others stay what they are, since
 * traces are the same for a seed) or `variants`. `--quick` takes short traces and writes to `bench/tmp/quick`; `--render`
 * only writes the README; `--memory` only says what an entry takes.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { s3FifoPolicy } from '../../src/core/cache/s3-fifo.ts'
import { describeMachine } from '../harness/machine.ts'
import { measureMemory, measureSpeeds } from './cost.ts'
import { beladySize, bestStatic } from './offline.ts'
import { lru, ours, publishedS3Fifo, sieve } from './policies.ts'
import { renderReadme } from './render.ts'
import { createTrace, kinds } from './traces.ts'
import type { Rates } from './offline.ts'
import type { Policy } from './policies.ts'
import type { CacheResult, Cell, Variant } from './result.ts'
import type { KindName, Trace } from './traces.ts'
import type { S3FifoPolicy } from '../../src/core/cache/s3-fifo.ts'

const seed = 1
const memoryShares = [0.05, 0.1, 0.2]
const zipfs: Record<KindName, readonly number[]> = {
  steady: [0.8, 0.9, 1, 1.1],
  scans: [0.8, 0.9, 1, 1.1],
  wonders: [0.8, 1],
  shifting: [0.8, 1],
}

/** Each changes one number. */
const changes: Record<string, Partial<S3FifoPolicy>> = {
  none: {},
  'small queue of 1 %': { smallShare: 0.01 },
  'small queue of 5 %': { smallShare: 0.05 },
  'small queue of 10 %': { smallShare: 0.1 },
  'ghosts: 1 for each entry': { ghostsPerEntry: 1 },
  'ghosts: 8 for each entry': { ghostsPerEntry: 8 },
  'window of 2 reads': { windowPerEntry: 2 },
  'window of 5 reads': { windowPerEntry: 5 },
  'window of 20 reads': { windowPerEntry: 20 },
  '1 class for each doubling': { classesPerOctave: 1 },
  '4 classes for each doubling': { classesPerOctave: 4 },
  'entries up to 1/64': { entryShareMax: 1 / 64 },
  'entries up to 1/2': { entryShareMax: 1 / 2 },
  'small queue of 1 %, window of 5 reads, 4 classes': {
    smallShare: 0.01,
    windowPerEntry: 5,
    classesPerOctave: 4,
  },
}
const variantCells: readonly Pick<Cell, 'kind' | 'zipf' | 'memoryShare'>[] = [
  { kind: 'steady', zipf: 0.8, memoryShare: 0.05 },
  { kind: 'scans', zipf: 1, memoryShare: 0.2 },
  { kind: 'wonders', zipf: 0.8, memoryShare: 0.05 },
  { kind: 'shifting', zipf: 0.8, memoryShare: 0.05 },
]

const keys: string[] = []
/** As long as the id of a blob. */
const keyOf = (object: number) => (keys[object] ??= object.toString().padStart(26, '0'))

function play(policy: Policy, { requests, sizes, measuredFrom }: Trace): Rates {
  let [hits, bytesHit, bytesAsked] = [0, 0, 0]
  for (let at = 0; at < requests.length; at++) {
    const object = requests[at] as number
    const size = sizes[object] as number
    const hit = policy.get(keyOf(object))
    if (!hit) policy.set(keyOf(object), size)
    if (at < measuredFrom) continue
    bytesAsked += size
    if (!hit) continue
    hits++
    bytesHit += size
  }
  return { requests: hits / (requests.length - measuredFrom), bytes: bytesHit / bytesAsked }
}

function simulateCell(trace: Trace, cell: Omit<Cell, 'rates'>): Cell {
  const bytesMax = Math.floor(trace.totalBytes * cell.memoryShare)
  return {
    ...cell,
    rates: {
      ours: play(ours(bytesMax), trace),
      lru: play(lru(bytesMax), trace),
      sieve: play(sieve(bytesMax), trace),
      published: play(publishedS3Fifo(bytesMax), trace),
      static: bestStatic(trace, bytesMax),
      belady: beladySize(trace, bytesMax),
    },
  }
}

function simulate(zipfRequests: number): readonly Cell[] {
  return kinds.flatMap(({ name: kind }) =>
    zipfs[kind].flatMap((zipf) => {
      const trace = createTrace({ kind, zipf, zipfRequests, seed })
      return memoryShares.map((memoryShare) => {
        const cell = simulateCell(trace, { kind, zipf, memoryShare })
        const { ours, lru, static: fixed } = cell.rates
        console.log(kind, zipf, memoryShare, ...[ours, lru, fixed].map((rates) => rates.requests.toFixed(4)))
        return cell
      })
    }),
  )
}

function simulateOurs(cells: readonly Cell[], zipfRequests: number): readonly Cell[] {
  let [traceName, trace] = ['', undefined as Trace | undefined]
  return cells.map((cell) => {
    const { kind, zipf, memoryShare, rates } = cell
    if (!trace || traceName !== `${kind} ${zipf}`) trace = createTrace({ kind, zipf, zipfRequests, seed })
    traceName = `${kind} ${zipf}`
    const again = play(ours(Math.floor(trace.totalBytes * memoryShare)), trace)
    console.log(traceName, memoryShare, again.requests - rates.static.requests)
    return { ...cell, rates: { ...rates, ours: again } }
  })
}

function tryVariants(zipfRequests: number): readonly Variant[] {
  const gaps = Object.keys(changes).map((): number[] => [])
  for (const { kind, zipf, memoryShare } of variantCells) {
    const trace = createTrace({ kind, zipf, zipfRequests, seed })
    const bytesMax = Math.floor(trace.totalBytes * memoryShare)
    const best = bestStatic(trace, bytesMax).requests
    for (const [index, policy] of Object.values(changes).entries())
      gaps[index]!.push(play(ours(bytesMax, policy), trace).requests - best)
  }
  return Object.entries(changes).map(([change, policy], index) => ({ change, policy, gaps: gaps[index]! }))
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    part: { type: 'string' },
    render: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
  },
})
const folder = values.quick ? join(import.meta.dirname, '../tmp/quick/cache') : import.meta.dirname
const resultPath = join(folder, 'result.json')

const readResult = () => JSON.parse(readFileSync(resultPath, 'utf8')) as CacheResult
const zipfRequests = values.quick ? 200_000 : 3_000_000

const parts: Record<string, () => Partial<CacheResult>> = {
  cost: () => ({ memory: measureMemory(), speeds: measureSpeeds(values.quick ? 100_000 : 1_000_000) }),
  ours: () => ({ policy: s3FifoPolicy, cells: simulateOurs(readResult().cells, zipfRequests) }),
  variants: () => ({ variantBase: s3FifoPolicy, variantCells, variants: tryVariants(zipfRequests) }),
}

function measureAll(): CacheResult {
  return {
    machine: describeMachine(import.meta.dirname),
    quick: values.quick,
    policy: s3FifoPolicy,
    requests: zipfRequests,
    totalBytes: createTrace({ kind: 'steady', zipf: 1, zipfRequests: 1, seed }).totalBytes,
    ...parts['cost']!(),
    cells: simulate(zipfRequests),
    ...parts['variants']!(),
  } as CacheResult
}

function measurePart(name: string): CacheResult {
  const measure = parts[name]
  if (!measure) throw new Error(`${name} is none of ${Object.keys(parts).join(', ')}`)
  const part = measure()
  return { ...readResult(), ...part, machine: describeMachine(import.meta.dirname) }
}

if (values.memory) console.log(measureMemory())
else {
  mkdirSync(folder, { recursive: true })
  const measured = values.part === undefined ? measureAll : () => measurePart(values.part as string)
  const result = values.render ? readResult() : measured()
  if (!values.render) writeFileSync(resultPath, `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(join(folder, 'README.md'), renderReadme(result))
}
