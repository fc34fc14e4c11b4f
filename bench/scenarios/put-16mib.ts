import { putFiles } from '../harness/put-files.ts'
import type { ContentKind } from '../harness/bytes.ts'
import type { Scenario, Target } from '../harness/scenario.ts'

const ofUncompressed = (value: number): Target => ({
  metric: 'ratio',
  bound: 'at least',
  value,
  unit: 'of the uploads that are kept as they are',
})

export const put16MibText = scenario('text', 'text, which is compressed while it arrives', 0.6)

export const put16MibRandom = scenario(
  'random',
  'bytes that cannot be compressed, which a sample has to show',
  0.9,
)

function scenario(kind: ContentKind, what: string, value: number): Scenario {
  return {
    name: `put-16mib-${kind}`,
    measures: `PUTs of new files of 16 MiB of ${what}, over 4 connections; the server may use both cores.`,
    yardstick: 'the same uploads with `X-Cutty-Compression: off`',
    targets: [ofUncompressed(value)],
    run: (context) =>
      putFiles(
        {
          sizeBytes: 2 ** 24,
          kind,
          connections: 4,
          compared: 'mibPerSecond',
          core: 'any',
          yardstick: 'kept as it is',
        },
        context,
      ),
  }
}
