import type { Connection } from '../connection.ts'
import { type CommandCall, defineCommand, type Option, parseByteCount } from '../command.ts'
import { CommandError } from '../failure.ts'
import { type Job, jobPath, jobsPath, waitForJob } from '../job.ts'
import { type Column, formatBytes, formatTime, type Output } from '../output.ts'
import { readPages } from '../pages.ts'
import { createProgress } from '../progress.ts'

export const jobOptions = {
  rate: {
    type: 'string',
    value: '<bytes>',
    description: 'Read and write no more than this in a second, such as `20MiB`.',
    parse: parseByteCount,
  },
  detach: { type: 'boolean', description: 'Do not wait: print the id of the job. See `jobs`.' },
} as const satisfies Record<string, Option>

/** Starts a job and waits for its result; `undefined` when it goes on by itself. */
// What a kind of job results in, whoever asks for it knows.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export async function runJob<Result>(
  connection: Connection,
  request: {
    kind: string
    bucket?: string | undefined
    prefix?: string | undefined
    [name: string]: unknown
  },
  { output, detach }: { output: Output; detach: boolean },
): Promise<{ id: string; result: Result } | undefined> {
  const job = await connection.call<Job<Result>>('POST', jobsPath, request)
  if (detach) {
    output.done(job, job.id)
    return undefined
  }
  const progress = (totalBytes: number) =>
    createProgress({
      stream: process.stderr,
      name: request.kind.replace('_', ' '),
      totalBytes,
      now: () => performance.now(),
    })
  return { id: job.id, result: await waitForJob<Result>(connection, job, { output, progress }) }
}

interface ScrubResult {
  readonly blobs: number
  readonly bytes: number
  readonly damaged: readonly {
    blobId: string
    what: string
    files: readonly { bucket: string; key: string }[]
  }[]
  readonly damagedCount: number
  readonly healed: number
}

const percent = ({ progress, state }: Job) =>
  state === 'done'
    ? '100 %'
    : progress.bytesTotal === 0
      ? '-'
      : `${Math.min(100, Math.floor((progress.bytes / progress.bytesTotal) * 100))} %`

const scopeOf = ({ params: { bucket, prefix = '' } }: Job) =>
  bucket === undefined ? 'all buckets' : prefix === '' ? bucket : `${bucket}/${prefix}`

const columns: readonly Column[] = [
  { title: 'ID', text: ({ id }: Job) => id },
  { title: 'KIND', text: ({ kind }: Job) => kind },
  { title: 'STATE', text: ({ state }: Job) => state },
  { title: 'DONE', align: 'right', text: percent },
  { title: 'CREATED', text: ({ createdAt }: Job) => formatTime(createdAt) },
  { title: 'WHERE', text: scopeOf },
]

async function showJob(id: string, { connect, output }: Pick<CommandCall, 'connect' | 'output'>) {
  const job = await connect().call<Job>('GET', jobPath(id))
  const { files, bytes, filesTotal, bytesTotal } = job.progress
  output.record(job, [
    ['id', job.id],
    ['kind', job.kind],
    ['state', job.state + (job.cancelRequested && job.state === 'running' ? ', is being cancelled' : '')],
    ['where', scopeOf(job)],
    ['files', `${files} of ${filesTotal}`],
    ['bytes', `${formatBytes(bytes)} of ${formatBytes(bytesTotal)}`],
    ['created', formatTime(job.createdAt)],
    ['started', formatTime(job.startedAt)],
    ['finished', formatTime(job.finishedAt)],
    ...(job.error ? [['error', `${job.error.detail} (${job.error.code})`] as const] : []),
    ['result', job.result === null ? '-' : JSON.stringify(job.result)],
  ])
}

export const jobsCommands = [
  defineCommand({
    name: 'jobs',
    summary: 'List jobs, the newest first, or show one with its result',
    arguments: [{ name: 'id', optional: true, description: 'As the list shows it; left out, the list.' }],
    options: {},
    examples: ['jobs', 'jobs 01JD0Q5N0V8S4T5M6W7X8Y9Z00 --json'],
    connects: true,
    json: true,
    run: async ({ positionals, connect, output }) => {
      const [id] = positionals
      if (id !== undefined) return showJob(id, { connect, output })
      const pages = readPages<{ jobs: Job[]; nextCursor: string | null }>(connect(), {
        path: jobsPath,
        parameters: {},
        cursor: ({ nextCursor }) => (nextCursor === null ? undefined : ['cursor', nextCursor]),
      })
      for await (const { jobs } of pages) output.rows(columns, jobs)
    },
  }),
  defineCommand({
    name: 'jobs cancel',
    summary: 'Cancel a job',
    description: 'What it has done so far stays done. One that runs ends at its next step.',
    arguments: [{ name: 'id', description: 'As `jobs` shows it.' }],
    options: {},
    examples: ['jobs cancel 01JD0Q5N0V8S4T5M6W7X8Y9Z00'],
    connects: true,
    json: true,
    run: async ({ positionals, connect, output }) => {
      const job = await connect().call<Job>('POST', `${jobPath(positionals[0] as string)}/cancel`)
      output.done(job, job.state === 'cancelled' ? `Cancelled ${job.id}.` : `${job.id} is being cancelled.`)
    },
  }),
  defineCommand({
    name: 'scrub',
    summary: 'Read everything that is stored and find what is damaged',
    description: 'For administrators. Ends with 1 when something is damaged, and names the files.',
    arguments: [],
    options: jobOptions,
    examples: ['scrub --rate 50MiB', 'scrub --detach'],
    connects: true,
    json: true,
    run: async ({ options, connect, output }) => {
      const { rate: bytesPerSecond, detach } = options
      const ran = await runJob<ScrubResult>(connect(), { kind: 'scrub', bytesPerSecond }, { output, detach })
      if (!ran) return
      const { id: job, result } = ran
      output.report({ job, ...result }, [
        `Read ${result.blobs} blobs, ${formatBytes(result.bytes)}: ${result.damagedCount} damaged.`,
        ...(result.healed > 0 ? [`${result.healed} that were damaged before are whole again.`] : []),
        ...result.damaged.flatMap(({ blobId, what, files }) => [
          `${blobId} ${what}`,
          ...files.map(({ bucket, key }) => `  ${bucket}/${key}`),
        ]),
      ])
      if (result.damagedCount > 0) {
        throw new CommandError('Some of what is stored is damaged. Restore it from a backup.')
      }
    },
  }),
]
