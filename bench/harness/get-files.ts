import { join } from 'node:path'
import { filesOf } from './load-job.ts'
import { freePort, startProcess } from './processes.ts'
import { measureRounds } from './rounds.ts'
import { measureLoad } from './run-load.ts'
import { accessKey, bucket, startSubject } from './subject.ts'
import { signUrl } from '../../src/core/sigv4/sign-url.ts'
import { createSigningKeys } from '../../src/core/sigv4/signing-keys.ts'
import type { ContentKind } from './bytes.ts'
import type { FileSet } from './load-job.ts'
import type { Context, Outcome } from './scenario.ts'
import type { Subject } from './subject.ts'

export interface GetFiles {
  readonly visibility: 'public' | 'private'
  readonly files: number
  readonly sizeBytes: number
  readonly kind: ContentKind
  readonly connections: number
  /** Ask by so many presigned URLs of S3, no two alike, and with no other credentials. */
  readonly presignedUrls?: number
  /** Open loop at this rate instead of as fast as answers come. */
  readonly ratePerSecond?: number
  /** The number that is compared with the yardstick's. */
  readonly compared: 'perSecond' | 'mibPerSecond' | 'p99Ms'
}

/**
 * Uploads files, checks each byte by byte, and asks for them in turn: of cutty, and of `node:http` sending the
 * same bytes from memory under the same paths.
 */
export async function getFiles(plan: GetFiles, context: Context): Promise<Outcome> {
  const { files, sizeBytes, kind, connections, visibility, compared } = plan
  const subject = await startSubject({ ...context, dataFolder: join(context.folder, 'data') })
  await subject.createBucket(visibility)
  const set: FileSet = {
    path: subject.filePath('folder/file-{n}'),
    count: files,
    content: { seed: 1000, sizeBytes, kind },
  }
  context.progress(`uploading ${files} files`)
  await inParallel(16, filesOf(set), ({ path, content }) => subject.putFile(path, content))

  const yardstickPort = await freePort()
  const yardstick = await startProcess({
    args: [
      join(import.meta.dirname, '../yardsticks/http-buffer.ts'),
      String(yardstickPort),
      JSON.stringify(set),
    ],
    core: 'server',
    logPath: join(context.folder, 'yardstick.log'),
    readyUrl: `http://${subject.host}:${yardstickPort}/ready`,
  })

  const job = {
    host: subject.host,
    connections,
    headers: visibility === 'private' && !plan.presignedUrls ? subject.headers : {},
    warmupSeconds: context.warmupSeconds,
    seconds: context.secondsPerRound,
    ...(plan.ratePerSecond !== undefined && { ratePerSecond: plan.ratePerSecond }),
    work: { method: 'GET' as const, files: set },
  }
  const subjectWork = plan.presignedUrls
    ? { ...job.work, targets: presign(subject, { ...plan, presignedUrls: plan.presignedUrls }) }
    : job.work
  const measured = await measureRounds({
    rounds: context.rounds,
    compared,
    servers: [subject, yardstick],
    progress: context.progress,
    subject: async () =>
      (await measureLoad(subject, { ...job, work: subjectWork, port: subject.port })).measurement,
    yardstick: async () => (await measureLoad(yardstick, { ...job, port: yardstickPort })).measurement,
  })
  await yardstick.stop()
  await subject.stop()

  return {
    ...measured,
    settings: { ...plan, compared },
    verified: [
      `each of the ${files} files once, byte by byte, after upload`,
      `each answer under load: status, length, and the first ${sizeBytes <= 4096 ? '' : '4 KiB of each piece of '}bytes`,
    ],
  }
}

/** Signed before anything is measured. They differ in how long they count, so that no two have a signature in common. */
function presign(
  { host, port }: Subject,
  { files, presignedUrls }: { files: number; presignedUrls: number },
): string[] {
  const signingKeys = createSigningKeys()
  const origin = `http://${host}:${port}`
  return Array.from({ length: presignedUrls }, (_, index) =>
    signUrl({
      method: 'GET',
      scheme: 'http',
      host: `${host}:${port}`,
      path: `/${bucket}/folder/file-${index % files}`,
      signedAtMs: Date.now(),
      expiresSeconds: 24 * 3600 + index,
      region: 'us-east-1',
      accessKey,
      signingKeys,
    }).slice(origin.length),
  )
}

async function inParallel<T>(
  width: number,
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]()
  async function workOff(): Promise<void> {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: width }, workOff))
}
