import { getFiles } from '../harness/get-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const get1Mib: Scenario = {
  name: 'get-1mib',
  measures: 'Anonymous GETs of 4 public files of 1 MiB that cannot be compressed, over 16 connections.',
  yardstick: '`node:http` sending the same bytes from a Buffer',
  targets: [{ metric: 'ratio', bound: 'at least', value: 0.6, unit: 'of the yardstick' }],
  run: (context) =>
    getFiles(
      {
        visibility: 'public',
        files: 4,
        sizeBytes: 2 ** 20,
        kind: 'random',
        connections: 16,
        compared: 'mibPerSecond',
      },
      context,
    ),
}
