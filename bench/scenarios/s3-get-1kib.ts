import { getFiles } from '../harness/get-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const s3Get1Kib: Scenario = {
  name: 's3-get-1kib',
  measures:
    'GETs of 16 private files of 1 KiB by 1,024 presigned URLs in turn, over 64 connections: each signature is verified.',
  yardstick: '`node:http` sending the same bytes from a Buffer, asked for without a query',
  targets: [{ metric: 'ratio', bound: 'at least', value: 0.4, unit: 'of the yardstick' }],
  run: (context) =>
    getFiles(
      {
        visibility: 'private',
        files: 16,
        sizeBytes: 1024,
        kind: 'random',
        connections: 64,
        presignedUrls: 1024,
        compared: 'perSecond',
      },
      context,
    ),
}
