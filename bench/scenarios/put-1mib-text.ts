import { fileLoop } from '../harness/file-loop.ts'
import { putFiles } from '../harness/put-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const put1MibText: Scenario = {
  name: 'put-1mib-text',
  measures: 'PUTs of new files of 1 MiB of text over 8 connections: what can be compressed pays for it here.',
  yardstick: 'a loop of write, fsync and rename of 1 MiB files, which compresses nothing',
  targets: [],
  run: (context) =>
    putFiles(
      { sizeBytes: 2 ** 20, kind: 'text', connections: 8, compared: 'mibPerSecond', yardstick: fileLoop },
      context,
    ),
}
