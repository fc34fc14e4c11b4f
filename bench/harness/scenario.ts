/** A question to the machine: what is measured, against what, and what answer would be good. */
export interface Scenario {
  readonly name: string
  /** What is measured, in a sentence. */
  readonly measures: string
  /** What it is compared with, in a sentence; `undefined` where nothing comparable exists. */
  readonly yardstick: string | undefined
  /** Reached when one of them holds. Empty: reported only. */
  readonly targets: readonly Target[]
  run(context: Context): Promise<Outcome>
}

/** A bound on one number of {@link Outcome.medians}. */
export interface Target {
  readonly metric: string
  readonly bound: 'at least' | 'below'
  readonly value: number
  readonly unit: string
}

export interface Context {
  readonly rounds: number
  readonly secondsPerRound: number
  readonly warmupSeconds: number
  /** Smaller data and shorter rounds, to see whether everything works. */
  readonly quick: boolean
  /** The server's entry file. */
  readonly entry: string
  /** Empty, on the disk to be measured, removed afterwards. */
  readonly folder: string
  readonly profileFolder: string | undefined
  /** Tells whoever waits what is going on. */
  readonly progress: (message: string) => void
}

/** Named numbers; the unit is in the name (`p50Ms`, `mibPerSecond`, `cpuShareServer`). */
export type Measurement = Readonly<Record<string, number>>

export interface Round {
  readonly subject: Measurement
  readonly yardstick?: Measurement
  /** Subject to yardstick of this round. */
  readonly ratio?: number
}

export interface Outcome {
  readonly rounds: readonly Round[]
  /** Rounds that do not count, since other programs used the machine meanwhile. */
  readonly disturbedRounds: readonly Round[]
  /** Medians over the rounds: of the subject under its own names, then `yardstick.<name>`, then `ratio`. */
  readonly medians: Measurement
  /** What the run was made with: connections, sizes, seeds. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  /** What was compared byte by byte, in a sentence each. */
  readonly verified: readonly string[]
}

export function isReached(target: Target, medians: Measurement): boolean {
  const value = medians[target.metric]
  if (value === undefined) throw new Error(`no median is called ${target.metric}`)
  return target.bound === 'at least' ? value >= target.value : value < target.value
}

export function describeTarget(target: Target): string {
  return [target.bound === 'at least' ? '≥' : '<', target.value.toLocaleString('en-US'), target.unit]
    .join(' ')
    .trim()
}
