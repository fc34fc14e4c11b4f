import { watchOthers } from './others.ts'
import type { Measurement, Round } from './scenario.ts'

export interface RoundsOptions {
  readonly rounds: number
  readonly subject: (round: number) => Promise<Measurement>
  readonly yardstick?: (round: number) => Promise<Measurement>
  /** What runs on the machine because of us. */
  readonly servers: readonly { cpuSeconds(): number }[]
  /** The number that the ratio is made of. */
  readonly compared: string
  readonly progress: (message: string) => void
}

export interface Rounds {
  readonly rounds: readonly Round[]
  /** Rounds that were measured again because other programs used the machine meanwhile. */
  readonly disturbedRounds: readonly Round[]
  readonly medians: Measurement
}

/** From here on a round is measured again, whatever its numbers are; a quiet machine stays below 0.05. */
export const disturbedCores = 0.15

/**
 * Measures subject and yardstick in turn (A B A B …), so that whatever else the machine does meets both; a ratio is
 * made within each pair, and medians are taken last. As many rounds as are wanted may be repeated when disturbed; what
 * is disturbed even then is kept, and its `othersCores` says so.
 */
export async function measureRounds(options: RoundsOptions): Promise<Rounds> {
  const { compared, progress, servers } = options
  const rounds: Round[] = []
  const disturbedRounds: Round[] = []

  async function watched(work: (round: number) => Promise<Measurement>): Promise<Measurement> {
    const number = rounds.length + disturbedRounds.length
    const { value, othersCores } = await watchOthers(servers, () => work(number))
    return { ...value, othersCores }
  }

  while (rounds.length < options.rounds) {
    const subject = await watched(options.subject)
    const yardstick = options.yardstick && (await watched(options.yardstick))
    const ratio = yardstick && subject[compared]! / yardstick[compared]!
    const round: Round = { subject, ...(yardstick && { yardstick, ratio: ratio! }) }
    const othersCores = Math.max(subject['othersCores']!, yardstick?.['othersCores'] ?? 0)
    const again = othersCores > disturbedCores && disturbedRounds.length < options.rounds
    const kept = again ? disturbedRounds : rounds
    kept.push(round)

    const against = yardstick ? ` against ${show(yardstick[compared]!)}, ratio ${ratio!.toFixed(3)}` : ''
    const others = othersCores > disturbedCores ? `; others used ${othersCores.toFixed(2)} cores` : ''
    const title = again ? 'disturbed round' : `round ${rounds.length} of ${options.rounds}`
    progress(`${title}: ${show(subject[compared]!)}${against} (${compared})${others}`)
  }
  return { rounds, disturbedRounds, medians: mediansOf(rounds) }
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
