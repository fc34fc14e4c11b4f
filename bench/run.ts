/** Measures cutty. `node bench/run.ts --help` */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from './harness/machine.ts'
import { cores, killRunning, pinSelf, pinning } from './harness/processes.ts'
import { readProfiles } from './harness/profile.ts'
import { isAnyReached, resultColumns, resultRow, textTable } from './harness/result.ts'
import { scenarios } from './scenarios/index.ts'
import type { Machine } from './harness/machine.ts'
import type { Method, Result } from './harness/result.ts'
import type { Scenario } from './harness/scenario.ts'

const here = import.meta.dirname
const defaultOut = join(here, 'results')
const quickOut = join(here, 'tmp', 'quick')

const help = `Usage: node bench/run.ts [scenario …] [options]

Measures cutty beside its yardsticks; without names, in every scenario. Progress goes to stderr,
the table to stdout, each result to <out>/<scenario>.json.

  --rounds N       rounds of subject and yardstick in turn (5; quick: 2)
  --seconds N      measured seconds per round, after one of warm-up (5; quick: 2)
  --quick          small data, few short rounds: shows that everything works, proves no speed
  --json           print the results as JSON instead of a table
  --out FOLDER     where results are written (bench/results; quick: bench/tmp/quick)
  --entry FILE     the server's entry file (bin/cutty.js)
  --profile        profile the server's CPU and list where the time goes (slows it; writes no result)
  --list           name the scenarios and what they measure
  --help           this text
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      entry: { type: 'string', default: join(here, '../bin/cutty.js') },
      profile: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return print(help)
  if (values.list) return print(scenarios.map(({ name, measures }) => `${name}\n  ${measures}\n`).join(''))

  const { quick, profile } = values
  const chosen = choose(positionals)
  const rounds = positive('--rounds', values.rounds ?? (quick ? '2' : '5'))
  const seconds = positive('--seconds', values.seconds ?? (quick ? '2' : '5'))
  const out = resolve(values.out ?? (quick ? quickOut : defaultOut))
  mkdirSync(join(here, 'tmp'), { recursive: true })
  const machine = describeMachine(here)
  pinSelf()
  if (!pinning) progress('taskset is missing: server and load share all cores, so numbers are not comparable')

  const method: Method = {
    rounds,
    secondsPerRound: seconds,
    warmupSeconds: quick ? 0.5 : 1,
    order: 'subject and yardstick in turn',
    cores: pinning ? cores : null,
  }
  const results: Result[] = []
  let failures = 0
  for (const scenario of chosen) {
    progress(scenario.name)
    try {
      const result = await measure(scenario, {
        method,
        machine,
        quick,
        profile,
        entry: resolve(values.entry),
      })
      results.push(result)
      if (!profile) write(out, result)
    } catch (error) {
      failures += 1
      progress(`  failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  print(
    values.json ? JSON.stringify(results, null, 2) : textTable([resultColumns, ...results.map(resultRow)]),
  )
  return failures === 0 ? 0 : 1
}

interface MeasureOptions {
  readonly method: Method
  readonly machine: Machine
  readonly quick: boolean
  readonly profile: boolean
  readonly entry: string
}

async function measure(scenario: Scenario, options: MeasureOptions): Promise<Result> {
  const { method, machine, quick, profile, entry } = options
  const folder = join(here, 'tmp', `${scenario.name}-${process.pid}`)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  process.once('exit', remove)
  try {
    const outcome = await scenario.run({
      ...method,
      quick,
      entry,
      folder,
      profileFolder: profile ? folder : undefined,
      progress: (message) => progress(`  ${message}`),
    })
    if (profile) showProfiles(folder)
    return {
      format: 1,
      scenario: scenario.name,
      measures: scenario.measures,
      yardstick: scenario.yardstick ?? null,
      targets: scenario.targets,
      reached: isAnyReached(scenario.targets, outcome.medians),
      quick,
      method,
      machine: { ...machine, date: new Date().toISOString() },
      ...outcome,
    }
  } finally {
    killRunning()
    process.off('exit', remove)
    remove()
  }
}

function showProfiles(folder: string): void {
  for (const { thread, busyMs, top } of readProfiles(folder, 25)) {
    progress(`  thread ${thread}, busy for ${Math.round(busyMs)} ms`)
    for (const { place, share } of top) progress(`  ${(share * 100).toFixed(1).padStart(6)} %  ${place}`)
  }
}

function choose(names: readonly string[]): readonly Scenario[] {
  if (names.length === 0) return scenarios
  return names.map((name) => {
    const scenario = scenarios.find((candidate) => candidate.name === name)
    if (!scenario) throw new Error(`no scenario is called ${name}; --list names them`)
    return scenario
  })
}

function positive(option: string, value: string): number {
  const number = Number(value)
  if (!(number > 0)) throw new Error(`${option} must be a positive number, not ${value}`)
  return number
}

function write(folder: string, result: Result): void {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${result.scenario}.json`)
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`)
  progress(`  written to ${relative(process.cwd(), path)}`)
}

function progress(message: string): void {
  process.stderr.write(`${message}\n`)
}

function print(text: string): number {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  return 0
}

// By way of 'exit', where servers are ended and folders removed.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))

try {
  process.exitCode = await main()
} catch (error) {
  progress(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
