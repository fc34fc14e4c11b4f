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
 * after a restart: a step may be done twice, never half. A step takes some seconds at most, and leaves what it found
 * wrong with a single file in its result instead of throwing; what it throws fails the job.
 */
export interface JobWork<Params, State> {
  readonly kind: JobKind
  begin(core: Core, params: Params): Promise<State>
  step(core: Core, params: Params, state: State): Promise<JobStep<State>>
  progress(state: State): JobProgress
  /** What is shown of the state: while it runs, as far as it came. JSON. */
  result(params: Params, state: State): unknown
}

export interface JobStep<State> {
  readonly state: State
  readonly done: boolean
  /** Read and written by this step, for the job's rate. */
  readonly bytesMoved: number
}
