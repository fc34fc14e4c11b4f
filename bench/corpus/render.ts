/** The README of the corpus, from its result. */
import type { Machine } from '../harness/machine.ts'
import type { CodingsPart, CorpusResult, FramesPart, PolicyPart } from './result.ts'
import { sources } from './sources.ts'

/** The goal for all of the corpus: stored for one byte of plaintext. */
const goal = 0.7

export function renderReadme(result: CorpusResult): string {
  return [
    '# A corpus for compression',
    '',
    '<!-- Written by `node bench/corpus/measure.ts --render` from result.json. -->',
    '',
    ...renderIntroduction(result),
    ...renderPolicy(result.policy),
    ...renderFrames(result.frames),
    ...renderCodings(result.codings),
    ...renderCorpus(result),
  ].join('\n')
}

function renderIntroduction({ corpus, policy }: CorpusResult): string[] {
  return [
    `What the table in \`src/core/compression/policy.ts\` rests on: ${count(corpus.files)} files of ${corpus.kinds.length} kinds,`,
    `${mib(corpus.bytes)} MiB. Sizes are exact and the same everywhere; speeds belong to the machine.`,
    '',
    '```sh',
    'node bench/corpus/build.ts                  # fetches and generates the corpus into bench/tmp/.corpus',
    'node bench/corpus/measure.ts                # everything: ten minutes',
    'node bench/corpus/measure.ts --part policy  # after a change of the table: that part only',
    'node bench/corpus/measure.ts --quick        # does it work? writes to bench/tmp/quick',
    'node bench/corpus/measure.ts --render       # this page from result.json',
    '```',
    '',
    `How good a policy looks depends on what is in the corpus: ${percent(compressedShare(policy))} of these bytes are in files`,
    'that the policy compresses. A store of photographs saves nothing, one of logs much more than this. Compare columns.',
    '',
  ]
}

function compressedShare({ verdicts, logicalBytes }: PolicyPart): number {
  const compressed = verdicts.filter(({ verdict }) => !verdict.startsWith('identity'))
  return compressed.reduce((sum, verdict) => sum + verdict.logicalBytes, 0) / logicalBytes
}

function renderPolicy(policy: PolicyPart): string[] {
  const { logicalBytes, storedBytes, gzipBytes, blocksBytes, table, kinds, verdicts, alternatives } = policy
  const share = (bytes: number) => ratio(bytes / logicalBytes)
  const isReached = storedBytes <= goal * logicalBytes && storedBytes < Math.min(gzipBytes, blocksBytes)
  return [
    '## The policy',
    '',
    ...markdownTable(
      ['Stored as', 'MiB', 'Of the plaintext'],
      [
        ['the policy says, with indexes', mib(storedBytes), share(storedBytes)],
        ['gzip-6, each file', mib(gzipBytes), share(gzipBytes)],
        ['zstd-1, each block of 1 MiB', mib(blocksBytes), share(blocksBytes)],
        ['it is', mib(logicalBytes), share(logicalBytes)],
      ],
    ),
    '',
    `Goal: at most ${ratio(goal)}, and less than both of the others: ${isReached ? 'reached' : 'not reached'}. All three keep a file or block as it`,
    `is unless that saves ${percent(table.minimumGain)}; the two others have no index, so no ranges.`,
    '',
    `The table measured: files below ${count(table.minimumBytes)} bytes as they are; frames of ${size(table.frameBytes)}; then the first rule`,
    'that fits, and of it the first coding that the runtime has.',
    '',
    ...markdownTable(
      ['Kind', 'Up to', 'Codings'],
      table.rules.map(({ kind, sizeBytesMax, choices }) => [
        kind,
        sizeBytesMax === null ? 'any size' : size(sizeBytesMax),
        choices.map(({ codec, level }) => `${codec}-${level}`).join(', '),
      ]),
    ),
    '',
    ...markdownTable(
      ['Kind of file', 'MiB', 'Policy', 'gzip-6', 'zstd-1 blocks', 'Files compressed'],
      kinds.map((kind) => [
        kind.kind,
        mib(kind.logicalBytes),
        ratio(kind.storedBytes / kind.logicalBytes),
        ratio(kind.gzipBytes / kind.logicalBytes),
        ratio(kind.blocksBytes / kind.logicalBytes),
        count(kind.compressedFiles),
      ]),
    ),
    '',
    ...markdownTable(
      ['Verdict', 'Files', 'MiB', 'Stored, MiB'],
      verdicts.map((verdict) => [
        verdict.verdict,
        count(verdict.files),
        mib(verdict.logicalBytes),
        mib(verdict.storedBytes),
      ]),
    ),
    '',
    '### Other tables',
    '',
    'Seconds: of compressing, one frame at a time, each file the fastest of its runs.',
    '',
    ...alternatives.flatMap(({ question, figures }) => [
      ...markdownTable(
        [question, 'Of the plaintext', 'Seconds'],
        figures.map((figure) => [
          figure.name,
          (figure.storedBytes / logicalBytes).toFixed(4),
          figure.seconds.toFixed(2),
        ]),
      ),
      '',
    ]),
    ...renderMachine(policy.machine),
  ]
}

function renderFrames({
  machine,
  fileBytesMin,
  files,
  sampleBytes,
  reads,
  figures,
  uploads,
}: FramesPart): string[] {
  const parallels = [...new Set(uploads.map(({ parallel }) => parallel))]
  const rates = [...Map.groupBy(uploads, ({ level }) => level)].map(([level, group]) => [
    `zstd-${level}`,
    ...parallels.map((each) => count(group.find(({ parallel }) => parallel === each)?.mibPerSecond ?? 0)),
    count(Math.max(...group.map(({ mibPerCpuSecond }) => mibPerCpuSecond))),
  ])
  return [
    '## Frames',
    '',
    `The ${files} text files of at least ${size(fileBytesMin)}, together ${mib(sampleBytes)} MiB. Reading: 1 KiB from a random place, median of ${reads}`,
    'places; the frame is in memory.',
    '',
    ...markdownTable(
      ['Coding', 'Frame', 'Of the plaintext', 'Stored bytes read', 'Reading, µs'],
      figures.map((figure) => [
        `zstd-${figure.level}`,
        size(figure.frameBytes),
        figure.ratio.toFixed(4),
        count(figure.readStoredBytes),
        count(figure.readUs),
      ]),
    ),
    '',
    'Compressing them as an upload does, in frames of the default size, so many at one time, in MiB of plaintext per second.',
    'Of these the last column is the one to trust: it counts processor time, so that nothing else on the machine is in it.',
    '',
    ...markdownTable(
      ['Coding', ...parallels.map((parallel) => `${parallel} at a time`), 'For a second of one core'],
      rates,
    ),
    '',
    ...renderMachine(machine),
  ]
}

function renderCodings(part: CodingsPart): string[] {
  const { machine, sampleBytesMax, pieceBytesMax, repeats, slowRepeats, kinds } = part
  const columns = kinds[0]?.figures.map(({ codec, level }) => `${codec}-${level}`) ?? []
  const table = (cell: (figure: CodingsPart['kinds'][number]['figures'][number]) => string) =>
    markdownTable(
      ['Kind', ...columns],
      kinds.map(({ kind, figures }) => [kind, ...figures.map((figure) => cell(figure))]),
    )
  return [
    '## Codecs and levels',
    '',
    `Of each kind up to ${size(sampleBytesMax)}: whole files, or pieces of up to ${size(pieceBytesMax)} of larger ones, in an order that only a digest`,
    `of their names decides. One frame each, one after the other; the best of ${repeats} runs (zstd-19 and brotli-11: ${slowRepeats === 1 ? 'one run' : `${slowRepeats} runs`}).`,
    'Every frame was decoded, and its bytes compared.',
    '',
    'Stored for one byte of plaintext:',
    '',
    ...table((figure) => ratio(figure.ratio)),
    '',
    'Compressing, MiB per second:',
    '',
    ...table((figure) => rate(figure.compressMibPerSecond)),
    '',
    'Decoding, MiB per second:',
    '',
    ...table((figure) => rate(figure.decodeMibPerSecond)),
    '',
    ...renderMachine(machine),
  ]
}

function renderCorpus({ corpus }: CorpusResult): string[] {
  return [
    '## The corpus',
    '',
    ...markdownTable(
      ['Kind', 'Files', 'MiB', 'Median size'],
      corpus.kinds.map((kind) => [kind.kind, count(kind.files), mib(kind.bytes), size(kind.medianBytes)]),
    ),
    '',
    'Packages, each checked against its SHA-512:',
    '',
    ...sources.map(
      ({ name, version, license, take }) =>
        `- ${name} ${version}: ${[...new Set(take.map(({ kind }) => kind))].join(', ')} (${license})`,
    ),
    '',
    'Generated from seeds (`generate.ts`): access-log, measurements, events, sql-dump, random.',
    '',
    `Digest of all of it, as \`manifest.json\` has it: \`${corpus.sha256}\`.`,
    '',
  ]
}

function renderMachine({
  date,
  commit,
  uncommitted,
  node,
  cpu,
  cores,
  memoryGib,
  kernel,
}: Machine): string[] {
  const changes = uncommitted ? ' and changes' : ''
  return [
    `- ${date.slice(0, 10)}; commit ${commit}${changes}; Node ${node}; ${cpu}, ${cores} cores, ${memoryGib} GiB, ${kernel}`,
    '',
  ]
}

const count = (value: number) => value.toLocaleString('en-US')
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1)
const ratio = (value: number) => value.toFixed(3)
const percent = (value: number) => `${Math.round(value * 100)} %`
const rate = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0))

function size(bytes: number): string {
  if (bytes >= 2 ** 20) return `${Number((bytes / 2 ** 20).toFixed(1))} MiB`
  return bytes >= 1024 ? `${Number((bytes / 1024).toFixed(1))} KiB` : `${bytes} bytes`
}

/** Padded as the formatter pads tables, so that it has nothing to change. */
function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(3, ...all.map((row) => (row[column] as string).length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] as number)).join(' | ')} |`
  return [line(header), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)]
}
