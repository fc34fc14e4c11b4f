import type { Connection } from './connection.ts'
import { CommandError, ReplyError } from './failure.ts'
import type { Output } from './output.ts'
import type { Progress } from './progress.ts'

/** As the API describes it. */
export interface Job<Result = object> {
  readonly id: string
  readonly kind: string
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled'
  readonly cancelRequested: boolean
  readonly params: { readonly bucket?: string; readonly prefix?: string }
  readonly progress: { files: number; bytes: number; filesTotal: number; bytesTotal: number }
  readonly result: Result | null
  readonly error: { readonly code: string; readonly detail: string } | null
  readonly createdAt: string
  readonly startedAt: string | null
  readonly finishedAt: string | null
}

export const jobsPath = '/api/v1/jobs'

export function jobPath(id: string): string {
  return `${jobsPath}/${encodeURIComponent(id)}`
}

/** Short jobs are shown at once, long ones do not keep the server busy with questions. */
const lookMs = { first: 50, most: 1000 }

/**
 * Waits for a job, and shows how far it is. Ctrl-C asks the server to cancel it, once; a second one ends the command, as
 * it always does. Throws `CommandError` unless it ends well.
 */
export async function waitForJob<Result>(
  connection: Connection,
  started: Job<Result>,
  of: { output: Output; progress: (totalBytes: number) => Progress },
): Promise<Result> {
  const { id } = started
  let isOver = false
  const cancel = () => {
    of.output.note('Cancelling. Ctrl-C again leaves the job to the server.')
    connection.call('POST', `${jobPath(id)}/cancel`).catch((error: unknown) => {
      // It may have ended before it could be asked.
      const isLate = isOver || (error instanceof ReplyError && error.code === 'conflict')
      if (!isLate) of.output.note((error as Error).message)
    })
  }
  process.once('SIGINT', cancel)
  let job = started
  let progress: Progress | undefined
  let shownBytes = 0
  try {
    for (let waitMs = lookMs.first; isUnderWay(job); waitMs = Math.min(lookMs.most, waitMs * 1.5)) {
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      job = await connection.call<Job<Result>>('GET', jobPath(id))
      const { bytes, bytesTotal } = job.progress
      if (bytesTotal > 0) progress ??= of.progress(bytesTotal)
      progress?.advance(bytes - shownBytes)
      shownBytes = bytes
    }
  } finally {
    isOver = true
    process.off('SIGINT', cancel)
    progress?.end()
  }
  if (job.state === 'done') return job.result as Result
  if (job.state === 'cancelled') throw new CommandError(`The job was cancelled (${id}).`)
  const { code, detail } = job.error ?? { code: 'internal', detail: 'The job failed.' }
  throw new CommandError(`${detail} (${code}, job ${id})`)
}

function isUnderWay({ state }: Job<unknown>): boolean {
  return state === 'queued' || state === 'running'
}
