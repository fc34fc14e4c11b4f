import { getFiles } from '../harness/get-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const get1KibMany: Scenario = {
  name: 'get-1kib-many',
  measures:
    'Anonymous GETs of 20,000 public files of 1 KiB in turn over 64 connections: no request finds what the last one left.',
  yardstick: '`node:http` sending the same bytes from a Buffer',
  targets: [],
  run: (context) =>
    getFiles(
      {
        visibility: 'public',
        files: context.quick ? 2_000 : 20_000,
        sizeBytes: 1024,
        kind: 'random',
        connections: 64,
        compared: 'perSecond',
      },
      context,
    ),
}
