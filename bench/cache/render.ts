/** The README of the simulator, from its result. */
import { entryOverheadBytes } from '../../src/core/cache/s3-fifo.ts'
import { ghostBytes } from '../../src/core/cache/ghosts.ts'
import { gapMax, policyNames } from './result.ts'
import { kinds, objectCount } from './traces.ts'
import type { CacheResult, Cell, PolicyName } from './result.ts'
import type { S3FifoPolicy } from '../../src/core/cache/s3-fifo.ts'

const titles: Record<PolicyName, string> = {
  ours: 'ours',
  lru: 'LRU',
  sieve: 'SIEVE',
  published: 'S3-FIFO as published',
  static: 'best static choice',
  belady: 'Belady with sizes',
}

export function renderReadme(result: CacheResult): string {
  return [
    '# Which entries stay in memory',
    '',
    '<!-- Written by `node bench/cache/simulate.ts --render` from result.json. -->',
    '',
    'What `src/core/cache/s3-fifo.ts` rests on: hit rates of eviction policies over traces that a seed generates.',
    '',
    '```sh',
    'node bench/cache/simulate.ts                  # everything: ten minutes',
    'node bench/cache/simulate.ts --quick          # does it work? writes to bench/tmp/quick',
    'node bench/cache/simulate.ts --part ours      # our hit rates again, after a change of the policy',
    'node bench/cache/simulate.ts --part variants  # and what other numbers would give',
    'node bench/cache/simulate.ts --part cost      # memory and speeds again',
    'node bench/cache/simulate.ts --memory         # what an entry takes',
    'node bench/cache/simulate.ts --render         # this page from result.json',
    '```',
    '',
    ...renderGoal(result.cells),
    ...renderRequests(result.cells),
    ...renderBytes(result.cells),
    ...renderVariants(result),
    ...renderCost(result),
    ...renderMethod(result),
  ].join('\n')
}

/** Of the hit rate, below the best static choice: negative. */
function gapOf({ rates }: Cell): number {
  return rates.ours.requests - rates.static.requests
}

export function missesOf(cells: readonly Cell[]): {
  belowStatic: readonly Cell[]
  belowLru: readonly Cell[]
  belowEighty: readonly Cell[]
} {
  return {
    belowStatic: cells.filter((cell) => gapOf(cell) < -gapMax),
    belowLru: cells.filter(({ rates }) => rates.ours.requests <= rates.lru.requests),
    belowEighty: cells.filter(
      ({ kind, zipf, memoryShare, rates }) =>
        kind === 'steady' && zipf === 1 && memoryShare === 0.2 && rates.ours.requests < 0.8,
    ),
  }
}

function renderGoal(cells: readonly Cell[]): string[] {
  const { belowStatic, belowLru, belowEighty } = missesOf(cells)
  const goal = (text: string, failed: readonly Cell[]) => [
    text,
    failed.length === 0
      ? 'yes, in all cells'
      : `not in ${failed.length} of ${cells.length}: ${failed.map(nameOf).join('; ')}`,
  ]
  const worst = (kind: string) => {
    const gaps = cells.filter((cell) => cell.kind === kind).map(gapOf)
    return `${kind} ${signed(Math.min(...gaps))}`
  }
  return [
    ...table([
      ['Goal', 'Reached'],
      goal(`Hit rate at most ${gapMax} below the best static choice of files`, belowStatic),
      goal('Hit rate above that of LRU', belowLru),
      goal('At least 0.80 for Zipf 1.0 with memory for 20 %', belowEighty),
    ]),
    '',
    `Worst distance from the best static choice: ${kinds.map(({ name }) => worst(name)).join(', ')}.`,
    '',
  ]
}

function nameOf({ kind, zipf, memoryShare }: Pick<Cell, 'kind' | 'zipf' | 'memoryShare'>): string {
  return `${kind}, Zipf ${zipf.toFixed(1)}, ${Math.round(memoryShare * 100)} %`
}

function renderRequests(cells: readonly Cell[]): string[] {
  const rows = cells.map((cell) => [
    nameOf(cell),
    ...policyNames.map((name) => cell.rates[name].requests.toFixed(3)),
    signed(gapOf(cell)),
  ])
  return [
    '## Requests that hit',
    '',
    ...kinds.map(({ name, description }) => `- **${name}**: ${description}.`),
    '',
    ...table([['Trace and memory', ...policyNames.map((name) => titles[name]), 'ours − static'], ...rows]),
    '',
    'The best static choice and Belady know the future. A policy that does not must ask for a file before it knows whether',
    'it is worth keeping: part of the distance is what learning costs, and it shrinks with longer traces. Where popularity',
    'shifts, a file that has become popular has to be told from chance by few requests.',
    '',
  ]
}

function renderBytes(cells: readonly Cell[]): string[] {
  const rows = cells.map((cell) => [
    nameOf(cell),
    ...policyNames.map((name) => cell.rates[name].bytes.toFixed(3)),
  ])
  return [
    '## Bytes that hit',
    '',
    'The price: who keeps what is asked for most per byte answers more requests, and fewer of the bytes. That is right where a',
    'request costs much and a byte little, as with a source that is a round trip away.',
    '',
    ...table([['Trace and memory', ...policyNames.map((name) => titles[name])], ...rows]),
    '',
  ]
}

function describePolicy(policy: S3FifoPolicy): string {
  return [
    `small queue of ${100 * policy.smallShare} %`,
    `${policy.ghostsPerEntry} ghosts for each entry`,
    `a hit weighs half after ${policy.windowPerEntry} reads for each entry and ghost`,
    `${policy.classesPerOctave} classes for each doubling`,
    `entries of up to 1/${1 / policy.entryShareMax} of the memory`,
  ].join('; ')
}

function renderVariants({ variants, variantBase, variantCells, policy }: CacheResult): string[] {
  const means = variants.map(({ gaps }) => gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length)
  const rows = variants.map(({ change, gaps }, index) => [change, ...gaps.map(signed), signed(means[index]!)])
  return [
    '## Other numbers',
    '',
    `- Shipped: ${describePolicy(policy)}.`,
    `- The table starts from: ${describePolicy(variantBase)}.`,
    '',
    'Each row shows what it changes, and the hit rate minus that of the best static choice. A longer window is better where',
    'popularity stays, a shorter one where it shifts; a smaller small queue is better everywhere here.',
    '',
    ...table([['Change', ...variantCells.map(nameOf), 'mean'], ...rows]),
    '',
  ]
}

function renderCost({ speeds, memory }: CacheResult): string[] {
  const names: Record<string, string> = {
    ours: 'ours',
    lru: 'LRU (lru-cache)',
    sieve: 'SIEVE',
    published: titles.published,
  }
  return [
    '## What it costs',
    '',
    ...table([
      ['Implementation', 'Read that hits, ns', 'New entry into a full cache, ns'],
      ...speeds.map(({ name, getHitNs, setNs }) => [names[name] ?? name, String(getHitNs), String(setNs)]),
    ]),
    '',
    'SIEVE and S3-FIFO as published are written for this comparison, without statistics or statements about their limits.',
    '',
    ...table([
      ['Of memory', 'Measured, bytes', 'Counted, bytes'],
      ['an entry, beside key and value', String(memory.entryBytes), String(entryOverheadBytes)],
      ['a ghost', String(memory.ghostBytes), String(ghostBytes)],
      ['an entry of the memory tier with 8 bytes', String(memory.tierEntryBytes), '–'],
    ]),
    '',
    'Growth of heap and buffers after a collection, for each of 600,000, which is a little more than where a `Map` doubles: the',
    'dearest case. The tier counts 280 bytes beside what the entry counts; characters of keys count two bytes each.',
    '',
  ]
}

function renderMethod({ machine, requests, totalBytes }: CacheResult): string[] {
  return [
    '## Method',
    '',
    `- ${count(objectCount)} files with ${count(Math.round(totalBytes / 2 ** 20))} MiB, in the size mix of SURGE (Barford and Crovella, SIGMETRICS '98): 93 % lognormal`,
    '  (μ 9.357, σ 1.318), 7 % Pareto (133,000 bytes, α 1.1), clipped to 64 bytes and 64 MiB. Size and popularity are',
    '  independent.',
    `- ${count(requests)} requests by popularity in each trace, scans on top of them. The first half only warms the cache.`,
    '- Memory is a share of the bytes of the 100,000 files; every policy counts the same for keys and bookkeeping.',
    '- The best static choice is made from the counts of the measured half, most hits per byte first; the first request of all',
    '  for a file cannot hit. Belady with sizes drops, of 64 files drawn at random, the one whose next request times',
    '  its size is largest: no proven optimum, which is NP-hard with sizes, but above the static choice.',
    '- Speeds: medians of 5 rounds over 10,000 keys of 26 characters.',
    `- Seed 1; ${machine.date.slice(0, 10)}; commit ${machine.commit}; Node ${machine.node}; ${machine.cpu}, ${machine.cores} cores, ${machine.kernel}. Hit rates are the same everywhere, speeds are not.`,
    '',
    '## Known limits',
    '',
    '- Generated traces: requests are independent but for scans and shifts. Real ones have bursts and cycles of days.',
    '- Files are kept whole here, and files of up to an eighth of the memory at that; cutty keeps large ones by frame.',
    '- Sizes that grow with popularity would bring all policies nearer to each other.',
    '',
  ]
}

function count(number: number): string {
  return number.toLocaleString('en')
}

function signed(number: number): string {
  return `${number < 0 ? '−' : '+'}${Math.abs(number).toFixed(3)}`
}

/** Padded as the formatter pads tables. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const [header, ...body] = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  )
  return [header!, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body]
}
