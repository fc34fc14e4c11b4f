/**
 * Writes the results of `bench/results` into `bench/README.md`, between its markers. With `--check` it changes
 * nothing and fails when the page says anything else.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { resultColumns, resultRow } from './harness/result.ts'
import { scenarios } from './scenarios/index.ts'
import type { Result } from './harness/result.ts'

const begin = '<!-- results:begin -->'
const end = '<!-- results:end -->'
const page = join(import.meta.dirname, 'README.md')
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
  const widths = resultColumns.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const [header, ...body] = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`,
  )
  return [header!, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body]
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const before = readFileSync(page, 'utf8')
const [head, rest] = before.split(begin)
const tail = rest?.split(end)[1]
if (head === undefined || tail === undefined) throw new Error(`${page} has no ${begin} … ${end}`)
const after = `${head}${begin}\n\n${render(readResults())}\n\n${end}${tail}`

if (after === before) process.stdout.write('bench/README.md is up to date\n')
else if (values.check) {
  process.stderr.write('bench/README.md is stale: run `node bench/report.ts`\n')
  process.exitCode = 1
} else {
  writeFileSync(page, after)
  process.stdout.write('bench/README.md is renewed\n')
}
