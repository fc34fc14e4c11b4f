import { getFiles } from '../harness/get-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const get1KibSteady: Scenario = {
  name: 'get-1kib-steady',
  measures:
    'Anonymous GETs of 16 public files of 1 KiB, 10,000 per second whether or not answers come; the latency that 99 % stay below, counted from when each request was due.',
  yardstick: '`node:http` sending the same bytes from a Buffer, at the same rate',
  targets: [],
  run: (context) =>
    getFiles(
      {
        visibility: 'public',
        files: 16,
        sizeBytes: 1024,
        kind: 'random',
        connections: 64,
        ratePerSecond: 10_000,
        compared: 'p99Ms',
      },
      context,
    ),
}
