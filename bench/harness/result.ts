import { disturbedCores } from './rounds.ts'
import { describeTarget, isReached } from './scenario.ts'
import type { Machine } from './machine.ts'
import type { Outcome, Target } from './scenario.ts'

/** A file of `bench/results`: everything needed to judge one run of a scenario. */
export interface Result extends Outcome {
  readonly format: 1
  readonly scenario: string
  readonly measures: string
  readonly yardstick: string | null
  readonly targets: readonly Target[]
  /** `null` where nothing is aimed at. */
  readonly reached: boolean | null
  /** Small data and short rounds: shows that it works, proves no speed. */
  readonly quick: boolean
  readonly method: Method
  readonly machine: Machine
}

export interface Method {
  readonly rounds: number
  readonly secondsPerRound: number
  readonly warmupSeconds: number
  readonly order: string
  /** The cores that server and load were held to; `null` where that is not possible. */
  readonly cores: Readonly<Record<string, number>> | null
}

export const resultColumns = ['Scenario', 'Measured', 'Yardstick', 'Ratio', 'Target', 'Reached'] as const

/** One line of the table, in the order of {@link resultColumns}. */
export function resultRow(result: Result): string[] {
  const { medians, targets, reached } = result
  const compared = String(result.settings['compared'] ?? targets[0]?.metric)
  const yardstick = medians[`yardstick.${compared}`]
  return [
    isDisturbed(medians) ? `${result.scenario} (disturbed)` : result.scenario,
    describeMetric(compared, medians[compared]),
    yardstick === undefined ? '–' : describeMetric(compared, yardstick),
    medians['ratio'] === undefined ? '–' : medians['ratio'].toFixed(2),
    targets.length === 0 ? '–' : targets.map((target) => describeTarget(target)).join(' or '),
    reached === null ? '–' : reached ? 'yes' : 'no',
  ]
}

/** Other programs used the machine in most of the rounds that count: not to be published. */
function isDisturbed(medians: Outcome['medians']): boolean {
  return Math.max(medians['othersCores'] ?? 0, medians['yardstick.othersCores'] ?? 0) > disturbedCores
}

export function isAnyReached(targets: readonly Target[], medians: Outcome['medians']): boolean | null {
  return targets.length === 0 ? null : targets.some((target) => isReached(target, medians))
}

const unitsByEnding: readonly (readonly [RegExp, string])[] = [
  [/mibPerSecond$/i, 'MiB/s'],
  [/perSecond$/i, '/s'],
  [/Mib$/, 'MiB'],
  [/p50Ms$/i, 'ms (p50)'],
  [/p99Ms$/i, 'ms (p99)'],
  [/Ms$/, 'ms'],
  [/Us$/, 'µs'],
]

function describeMetric(name: string, value: number | undefined): string {
  if (value === undefined) return '–'
  const unit = unitsByEnding.find(([ending]) => ending.test(name))?.[1] ?? name
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return `${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`
}

/** Columns padded with spaces, for a terminal. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = resultColumns.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
