import { getFiles } from '../harness/get-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const get64Mib: Scenario = {
  name: 'get-64mib',
  measures: 'Anonymous GETs of 2 public files of 64 MiB that cannot be compressed, over 4 connections.',
  yardstick: '`node:http` sending the same bytes from a Buffer',
  targets: [{ metric: 'ratio', bound: 'at least', value: 0.5, unit: 'of the yardstick' }],
  run: (context) =>
    getFiles(
      {
        visibility: 'public',
        files: 2,
        sizeBytes: 64 * 2 ** 20,
        kind: 'random',
        connections: 4,
        compared: 'mibPerSecond',
      },
      context,
    ),
}
