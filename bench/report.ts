/**
 * Writes the results of `bench/results` into the pages that quote them, between their markers. With `--check` it
 * changes nothing and fails when a page says anything else.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { resultColumns, resultRow } from './harness/result.ts'
import { scenarios } from './scenarios/index.ts'
import type { Result } from './harness/result.ts'

const folder = join(import.meta.dirname, 'results')

function readResults(): Result[] {
  if (!existsSync(folder)) return []
  const order = new Map(scenarios.map(({ name }, index) => [name, index]))
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Result)
    .map((result) => {
      if (!order.has(result.scenario))
        throw new Error(`${result.scenario} is no scenario any more: delete its result`)
      if (result.quick) throw new Error(`${result.scenario} was measured with --quick, which proves no speed`)
      return result
    })
    .toSorted((a, b) => order.get(a.scenario)! - order.get(b.scenario)!)
}

function render(results: readonly Result[]): string {
  if (results.length === 0) return 'Nothing has been measured yet.'
  const runs = Map.groupBy(results, describeRun)
    .entries()
    .map(([run, group]) => `- ${group.map(({ scenario }) => scenario).join(', ')}: ${run}`)
  return [...markdownTable([resultColumns, ...results.map(resultRow)]), '', ...runs].join('\n')
}

function describeRun({ machine, method }: Result): string {
  const { cpu, cores, memoryGib, kernel, node, nodeOptions, fileSystem, date, commit, uncommitted } = machine
  const pinned = method.cores
    ? `server on core ${method.cores['server']}, load on core ${method.cores['load']}`
    : 'not pinned'
  return [
    date.slice(0, 10),
    `commit ${commit}${uncommitted ? ' and changes' : ''}`,
    `Node ${node}${nodeOptions && ` with ${nodeOptions}`}`,
    `${cpu}, ${cores} cores, ${memoryGib} GiB, ${kernel}, ${fileSystem}`,
    `${method.rounds} rounds of ${method.secondsPerRound} s, ${pinned}`,
  ].join('; ')
}

/** Padded as the formatter pads tables, so that it has nothing to change. */
function markdownTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const [header, ...body] = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  )
  return [header!, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body]
}

/** Rows against files by size, for the decision that rests on it. */
function renderThreshold(results: readonly Result[]): string {
  const result = results.find(({ scenario }) => scenario === 'inline-threshold')
  if (!result) return 'Not measured yet.'
  const sizes = Object.keys(result.medians).flatMap((name) => /^row(\d+)KibPuts/.exec(name)?.[1] ?? [])
  const number = (name: string) => Math.round(result.medians[name]!).toLocaleString('en')
  const rows = sizes.map((size) => [
    `${size} KiB`,
    ...['row', 'file'].map((place) => number(`${place}${size}KibPutsPerSecond`)),
    ...['row', 'file'].map((place) => number(`${place}${size}KibReadUs`)),
  ])
  const header = [
    'Size',
    'Rows stored per second',
    'Files stored per second',
    'Row read, µs',
    'File read, µs',
  ]
  return [...markdownTable([header, ...rows]), '', `- ${describeRun(result)}`].join('\n')
}

interface Place {
  readonly page: string
  readonly marker: string
  readonly render: (results: readonly Result[]) => string
}

const places: readonly Place[] = [
  { page: 'README.md', marker: 'results', render },
  {
    page: '../decisions/004-small-bodies-in-rows.md',
    marker: 'inline-threshold',
    render: renderThreshold,
  },
]

/** A page with what stands between its markers made anew. */
function renew(
  { page, marker, render }: Place,
  results: readonly Result[],
): { path: string; stale: boolean; text: string } {
  const path = join(import.meta.dirname, page)
  const before = readFileSync(path, 'utf8')
  const parts = new RegExp(`^([^]*<!-- ${marker}:begin[^>]*-->)[^]*(<!-- ${marker}:end -->[^]*)$`).exec(
    before,
  )
  if (!parts) throw new Error(`${path} has no markers ${marker}:begin and ${marker}:end`)
  const text = `${parts[1]}\n\n${render(results)}\n\n${parts[2]}`
  return { path, stale: text !== before, text }
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const results = readResults()
const stale = places.map((place) => renew(place, results)).filter((page) => page.stale)
for (const { path, text } of values.check ? [] : stale) writeFileSync(path, text)
if (stale.length === 0) process.stdout.write('Up to date\n')
else
  process.stderr.write(
    `${values.check ? 'Stale, run `node bench/report.ts`' : 'Renewed'}: ${stale.map(({ path }) => path).join(', ')}\n`,
  )
if (values.check && stale.length > 0) process.exitCode = 1
