import { getFiles } from '../harness/get-files.ts'
import type { Scenario } from '../harness/scenario.ts'

export const get1MibText: Scenario = {
  name: 'get-1mib-text',
  measures:
    'Anonymous GETs of 4 public files of 1 MiB of text over 16 connections by a client that accepts no coding: what is stored compressed must be decoded.',
  yardstick: '`node:http` sending the same bytes from a Buffer',
  targets: [],
  run: (context) =>
    getFiles(
      {
        visibility: 'public',
        files: 4,
        sizeBytes: 2 ** 20,
        kind: 'text',
        connections: 16,
        compared: 'mibPerSecond',
      },
      context,
    ),
}
