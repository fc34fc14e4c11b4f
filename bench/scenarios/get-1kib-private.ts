import { getFiles } from '../harness/get-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const get1KibPrivate: Scenario = {
  name: 'get-1kib-private',
  measures:
    'GETs of 16 private files of 1 KiB over 64 connections, each request with HTTP Basic credentials.',
  yardstick: '`node:http` sending the same bytes from a Buffer',
  targets: [],
  run: (context) =>
    getFiles(
      {
        visibility: 'private',
        files: 16,
        sizeBytes: 1024,
        kind: 'random',
        connections: 64,
        compared: 'perSecond',
      },
      context,
    ),
}
