import type { Measurement, Round } from './scenario.ts'

export interface RoundsOptions {
  readonly rounds: number
  readonly subject: (round: number) => Promise<Measurement>
  readonly yardstick?: (round: number) => Promise<Measurement>
  /** The number that the ratio is made of. */
  readonly compared: string
  readonly progress: (message: string) => void
}

/**
 * Measures subject and yardstick in turn (A B A B …), so that whatever else the machine does meanwhile meets
 * both; a ratio is made within each pair, and medians are taken last.
 */
export async function measureRounds(
  options: RoundsOptions,
): Promise<{ rounds: Round[]; medians: Measurement }> {
  const { compared, progress } = options
  const rounds: Round[] = []
  for (let number = 0; number < options.rounds; number += 1) {
    const subject = await options.subject(number)
    const yardstick = await options.yardstick?.(number)
    const ratio = yardstick && subject[compared]! / yardstick[compared]!
    rounds.push({ subject, ...(yardstick && { yardstick, ratio: ratio! }) })
    const against = yardstick ? ` against ${show(yardstick[compared]!)}, ratio ${ratio!.toFixed(3)}` : ''
    progress(`round ${number + 1} of ${options.rounds}: ${show(subject[compared]!)}${against} (${compared})`)
  }
  return { rounds, medians: mediansOf(rounds) }
}

export function mediansOf(rounds: readonly Round[]): Measurement {
  const medians: Record<string, number> = {}
  const first = rounds[0]
  if (!first) return medians
  for (const name of Object.keys(first.subject)) medians[name] = median(rounds.map((r) => r.subject[name]!))
  for (const name of Object.keys(first.yardstick ?? {})) {
    medians[`yardstick.${name}`] = median(rounds.map((r) => r.yardstick![name]!))
  }
  if (first.ratio !== undefined) medians['ratio'] = median(rounds.map((r) => r.ratio!))
  return medians
}

/** The middle value; of an even count the mean of the two in the middle. `NaN` of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)]!
  return (sorted[middle - 1]! + sorted[middle]!) / 2
}

function show(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 2 : 0 })
}
