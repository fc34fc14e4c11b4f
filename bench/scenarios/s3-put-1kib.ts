import { putFiles } from '../harness/put-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const s3Put1Kib: Scenario = {
  name: 's3-put-1kib',
  measures:
    'PutObject of new files of 1 KiB over 64 connections, each signed in its headers with the SHA-256 of its body, which is verified.',
  yardstick: 'the same uploads to the same server by way of REST, with HTTP Basic credentials',
  targets: [{ metric: 'ratio', bound: 'at least', value: 0.8, unit: 'of the REST uploads' }],
  run: (context) =>
    putFiles(
      {
        sizeBytes: 1024,
        kind: 'random',
        connections: 64,
        compared: 'perSecond',
        signed: true,
        yardstick: 'by REST',
      },
      context,
    ),
}
