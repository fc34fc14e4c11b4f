import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { accessKey, bucket, startSubject } from '../harness/subject.ts'
import { measureRounds } from '../harness/rounds.ts'
import { generateMarked, markedContent } from '../harness/marked-content.ts'
import { createUploader } from '../harness/upload-parts.ts'
import type { ContentKind } from '../harness/bytes.ts'
import type { Context, Measurement, Outcome, Scenario } from '../harness/scenario.ts'

const partBytes = 16 * 2 ** 20
const partsAtOnce = 4
const residentMibMax = 250

export const multipart1GibRandom = scenario('random', 'random bytes, which are kept as they are')

export const multipart1GibText = scenario('text', 'text, which is compressed')

function scenario(kind: ContentKind, what: string): Scenario {
  return {
    name: `multipart-1gib-${kind}`,
    measures: `1 GiB of ${what}, uploaded to S3 in parts of 16 MiB, 4 at a time, each signed with its SHA-256; the server may use both cores.`,
    yardstick: 'one PUT of as much by way of REST to the same server',
    targets: [
      {
        metric: 'withinBounds',
        bound: 'at least',
        value: 1,
        unit: `(≥ 1 of the yardstick and < ${residentMibMax} MiB resident at any time)`,
      },
    ],
    run: (context) => run(kind, context),
  }
}

async function run(kind: ContentKind, context: Context): Promise<Outcome> {
  const parts = context.quick ? 16 : 64
  const sizeBytes = parts * partBytes
  const subject = await startSubject({ ...context, core: 'any', dataFolder: join(context.folder, 'data') })
  await subject.createBucket('private')
  const content = markedContent({ seed: 11, sizeBytes: partBytes, kind })
  const { host, port, headers } = subject
  const uploader = createUploader({ host, port, accessKey, restHeaders: headers })
  let partsPeakMib = 0

  const measure = async (upload: () => Promise<number>): Promise<Measurement> => {
    const cpuBefore = subject.cpuSeconds()
    const seconds = await upload()
    return {
      mibPerSecond: sizeBytes / 2 ** 20 / seconds,
      serverCpuSeconds: subject.cpuSeconds() - cpuBefore,
      residentPeakMib: subject.memoryMib().peak,
    }
  }
  const measured = await measureRounds({
    rounds: context.rounds,
    compared: 'mibPerSecond',
    servers: [subject],
    progress: context.progress,
    async subject(round) {
      const upload = { path: `/${bucket}/in-parts`, content, first: 2 * round * parts, parts, partsAtOnce }
      const measurement = await measure(await uploader.inParts(upload))
      // Before anything else has been uploaded: the peak is of parts alone.
      if (round === 0) partsPeakMib = measurement['residentPeakMib']!
      return measurement
    },
    async yardstick(round) {
      const upload = { path: subject.filePath('in-one'), content, first: (2 * round + 1) * parts, parts }
      return await measure(async () => await uploader.inOne(upload))
    },
  })

  const rounds = measured.rounds.length + measured.disturbedRounds.length
  await uploader.check(subject.filePath('in-parts'), hashOf(2 * (rounds - 1) * parts))
  await uploader.check(subject.filePath('in-one'), hashOf((2 * rounds - 1) * parts))
  const { peak } = subject.memoryMib()
  uploader.close()
  await subject.stop()

  function hashOf(first: number): string {
    const hash = createHash('sha256')
    for (const piece of generateMarked(content, first, parts)) hash.update(piece)
    return hash.digest('hex')
  }

  const ratio = measured.medians['ratio']!
  return {
    ...measured,
    medians: {
      ...measured.medians,
      // The kernel's high-water mark, with the uploads of the yardstick.
      residentPeakMib: peak,
      partsResidentPeakMib: partsPeakMib,
      withinBounds: ratio >= 1 && peak < residentMibMax ? 1 : 0,
    },
    settings: { sizeBytes, partBytes, partsAtOnce, kind, compared: 'mibPerSecond' },
    verified: ['SHA-256 and length of the last file of each kind, read back after the last round'],
  }
}
