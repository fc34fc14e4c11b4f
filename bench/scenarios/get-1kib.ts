import { getFiles } from '../harness/get-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const get1Kib: Scenario = {
  name: 'get-1kib',
  measures: 'Anonymous GETs of 16 public files of 1 KiB over 64 connections.',
  yardstick: '`node:http` sending the same bytes from a Buffer',
  targets: [{ metric: 'ratio', bound: 'at least', value: 0.6, unit: 'of the yardstick' }],
  run: (context) =>
    getFiles(
      {
        visibility: 'public',
        files: 16,
        sizeBytes: 1024,
        kind: 'random',
        connections: 64,
        compared: 'perSecond',
      },
      context,
    ),
}
