import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { generateBytes } from './bytes.ts'
import { digitsOf } from './load-job.ts'
import { measureRounds } from './rounds.ts'
import { measureLoad } from './run-load.ts'
import { accessKey, bucket, startSubject } from './subject.ts'
import type { ContentKind } from './bytes.ts'
import type { Core } from './processes.ts'
import type { Context, Measurement, Outcome } from './scenario.ts'

export interface PutFiles {
  readonly sizeBytes: number
  readonly kind: ContentKind
  readonly connections: number
  readonly compared: 'perSecond' | 'mibPerSecond'
  /** `any`: the server may use all cores. */
  readonly core?: Core
  /** By way of S3, each request signed. */
  readonly signed?: boolean
  /**
   * Measures the yardstick once; `folder` is on the disk that cutty writes to. Or: the same uploads, not compressed, or by way
   * of REST.
   */
  readonly yardstick:
    | 'kept as it is'
    | 'by REST'
    | ((folder: string, seconds: number, round: number) => Promise<Measurement>)
}

/** Uploads new files as fast as they are acknowledged, no two alike, and reads some of them back. */
export async function putFiles(plan: PutFiles, context: Context): Promise<Outcome> {
  const { sizeBytes, kind, connections, compared, core } = plan
  const subject = await startSubject({ ...context, core, dataFolder: join(context.folder, 'data') })
  await subject.createBucket('private')
  const content = { seed: 7, sizeBytes, kind }
  const body = generateBytes(content)
  let nextNumber = 0

  async function upload(options: {
    headers?: Readonly<Record<string, string>>
    signed?: boolean | undefined
  }): Promise<Measurement> {
    const { headers, signed = false } = options
    const { measurement, nextNumber: next } = await measureLoad(subject, {
      host: subject.host,
      port: subject.port,
      connections,
      headers: {
        ...(!signed && subject.headers),
        'content-type': 'application/octet-stream',
        ...headers,
      },
      warmupSeconds: context.warmupSeconds,
      seconds: context.secondsPerRound,
      work: {
        method: 'PUT',
        path: signed ? `/${bucket}/folder/{n}` : subject.filePath('folder/{n}'),
        firstNumber: nextNumber,
        content,
        ...(signed && { signedWith: accessKey }),
      },
    })
    nextNumber = next
    return measurement
  }

  const measured = await measureRounds({
    rounds: context.rounds,
    compared,
    servers: [subject],
    progress: context.progress,
    async subject() {
      settle()
      return await upload({ signed: plan.signed })
    },
    async yardstick(round) {
      settle()
      const { yardstick } = plan
      if (yardstick === 'by REST') return await upload({})
      if (yardstick === 'kept as it is') return await upload({ headers: { 'x-cutty-compression': 'off' } })
      return await yardstick(context.folder, context.secondsPerRound, round)
    },
  })

  const checked = [0, 1, Math.floor(nextNumber / 2), nextNumber - 1]
  for (const number of checked) {
    body.write(digitsOf(number), 0, 'latin1')
    await subject.checkFile(subject.filePath(`folder/${digitsOf(number)}`), body)
  }
  await subject.stop()

  return {
    ...measured,
    settings: { sizeBytes, kind, connections, compared, filesPut: nextNumber },
    verified: [`files ${checked.join(', ')} of ${nextNumber}, read back byte by byte after the last round`],
  }
}

/** What earlier rounds left for the disk to do is done before the next one starts. */
function settle(): void {
  execFileSync('sync')
}
