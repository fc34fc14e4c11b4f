import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { generateBytes } from './bytes.ts'
import { digitsOf } from './load-job.ts'
import { measureRounds } from './rounds.ts'
import { measureLoad } from './run-load.ts'
import { startSubject } from './subject.ts'
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
  /** Measures the yardstick once; `folder` is on the disk that cutty writes to. Or: the same uploads, not compressed. */
  readonly yardstick:
    | 'kept as it is'
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

  async function upload(headers: Readonly<Record<string, string>>): Promise<Measurement> {
    const { measurement, nextNumber: next } = await measureLoad(subject, {
      host: subject.host,
      port: subject.port,
      connections,
      headers: { ...subject.headers, 'content-type': 'application/octet-stream', ...headers },
      warmupSeconds: context.warmupSeconds,
      seconds: context.secondsPerRound,
      work: { method: 'PUT', path: subject.filePath('folder/{n}'), firstNumber: nextNumber, content },
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
      return await upload({})
    },
    async yardstick(round) {
      settle()
      const { yardstick } = plan
      if (yardstick === 'kept as it is') return await upload({ 'x-cutty-compression': 'off' })
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
