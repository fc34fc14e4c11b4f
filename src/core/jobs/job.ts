import type { Core } from '../core.ts'

export type JobKind = 'compression_report' | 'recompress' | 'scrub'
/** `queued` → `running` → one of the others. */
export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled'

/** Where a job works. */
export interface JobScope {
  /** All buckets of the owner when left out; everybody's for an administrator. */
  readonly bucket?: string | undefined
  /** Begin of the keys; `''` for all. */
  readonly prefix?: string | undefined
  /** Only buckets of this user, whatever they are called; everybody's when left out. Set by the service, from who asks. */
  readonly ownerId?: string | undefined
}

/** Kept with the job, as JSON. */
export interface JobParams extends JobScope {
  /** Reads and writes no more than this. */
  readonly bytesPerSecond?: number | undefined
}

export interface JobProgress {
  readonly files: number
  readonly bytes: number
  /** As counted when the job began. */
  readonly filesTotal: number
  readonly bytesTotal: number
}

/**
 * What one kind of job does, a step at a time. After each step all it knows is stored as JSON, so a job goes on where it was
 * after a restart: a step may be done twice, never half. A step takes some seconds, unless a single file takes longer, and
 * leaves what it found wrong with a file in its result instead of throwing. What it throws fails the job; after an outage
 * it is tried again first.
 */
export interface JobWork<Params, State> {
  readonly kind: JobKind
  begin(core: Core, params: Params): Promise<State>
  step(core: Core, params: Params, state: State, context: JobContext): Promise<JobStep<State>>
  progress(state: State): JobProgress
  /** What is shown of the state: while it runs, as far as it came. JSON. */
  result(params: Params, state: State): unknown
}

export interface JobContext {
  /**
   * To be told of bytes that a step reads or writes, piece by piece: keeps the rate, keeps the job, and rejects with
   * {@link JobInterrupted} when the step must end.
   */
  readonly moved: (bytes: number) => Promise<void>
}

export interface JobStep<State> {
  readonly state: State
  readonly done: boolean
  /** Read and written by this step, and not told to `moved`. */
  readonly bytesMoved: number
}

/** Goes through a step that is broken off; no failure. */
export class JobInterrupted extends Error {
  override readonly name = 'JobInterrupted'
  readonly reason: 'cancelled' | 'stopped' | 'lost'

  /** `lost`: somebody else has taken the job over. */
  constructor(reason: 'cancelled' | 'stopped' | 'lost') {
    super(`the job was ${reason}`)
    this.reason = reason
  }
}
