import { fileLoop } from '../harness/file-loop.ts'
import { putFiles } from '../harness/put-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const put1Mib: Scenario = {
  name: 'put-1mib',
  measures:
    'PUTs of new files of 1 MiB that cannot be compressed, over 8 connections, each acknowledged when synced.',
  yardstick: 'a loop of write, fsync and rename of 1 MiB files',
  targets: [{ metric: 'ratio', bound: 'at least', value: 0.6, unit: 'of the yardstick' }],
  run: (context) =>
    putFiles(
      { sizeBytes: 2 ** 20, kind: 'random', connections: 8, compared: 'mibPerSecond', yardstick: fileLoop },
      context,
    ),
}
