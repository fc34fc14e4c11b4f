import { type CommandCall, defineCommand, parseDuration, wholeNumber } from '../command.ts'
import { UsageError } from '../failure.ts'
import { parseFilePlace, parsePlace } from '../file-place.ts'
import { type Column, formatBytes, formatTable, type Output } from '../output.ts'

/** As the API describes them. */
interface Tier {
  readonly name: string
  readonly hits: number
  readonly misses: number
  readonly hitRate: number | null
  readonly errors: number
  readonly skipped: number
  readonly ageSecondsMean: number | null
  readonly evictions: number | null
  readonly entries: number | null
  readonly bytes: number | null
}

interface Statement {
  readonly name: string
  readonly hits: number
  readonly stale: number
  readonly misses: number
  readonly hitRate: number | null
}

interface Stats {
  readonly scope: 'process' | 'isolate'
  readonly spanSeconds: number
  readonly bytes: {
    readonly reads: number
    readonly hits: number
    readonly loads: number
    readonly collapsed: number
    readonly failed: number
    readonly hitRate: number | null
    readonly tiers: readonly Tier[]
  }
  readonly rows: {
    readonly entries: number
    readonly bytes: number
    readonly bytesMax: number
    readonly evictions: number
    readonly statements: readonly Statement[]
  }
}

interface Invalidated {
  readonly files: number
  readonly rows: number
  readonly entries: number
  readonly next: string | null
}

interface Cleared {
  readonly rows: number
  readonly tiers: readonly { name: string; entriesBefore: number | null; entries: number | null }[]
}

interface Warmed {
  readonly files: number
  readonly known: number
  readonly loaded: number
  readonly alreadyCached: number
  readonly missing: number
  readonly failed: number
  readonly notReached: number
  readonly bytes: number
  readonly durationMs: number
}

const orDash = (value: number | null, show: (value: number) => string = String) =>
  value === null ? '-' : show(value)
const percent = (rate: number | null) => orDash(rate, (value) => `${(value * 100).toFixed(1)} %`)

const right = (title: string, text: Column['text']): Column => ({ title, align: 'right', text })

const tierColumns: readonly Column[] = [
  right('HIT RATE', ({ hitRate }: Tier) => percent(hitRate)),
  right('HITS', ({ hits }: Tier) => String(hits)),
  right('MISSES', ({ misses }: Tier) => String(misses)),
  right('ERRORS', ({ errors }: Tier) => String(errors)),
  right('SKIPPED', ({ skipped }: Tier) => String(skipped)),
  right('EVICTED', ({ evictions }: Tier) => orDash(evictions)),
  right('AGE', ({ ageSecondsMean }: Tier) => orDash(ageSecondsMean, (age) => `${age.toFixed(1)} s`)),
  right('ENTRIES', ({ entries }: Tier) => orDash(entries)),
  right('BYTES', ({ bytes }: Tier) => orDash(bytes, formatBytes)),
  { title: 'TIER', text: ({ name }: Tier) => name },
]

const statementColumns: readonly Column[] = [
  right('HIT RATE', ({ hitRate }: Statement) => percent(hitRate)),
  right('HITS', ({ hits }: Statement) => String(hits)),
  right('STALE', ({ stale }: Statement) => String(stale)),
  right('MISSES', ({ misses }: Statement) => String(misses)),
  { title: 'ROWS OF', text: ({ name }: Statement) => name },
]

function describeStats({ scope, spanSeconds, bytes, rows }: Stats): string[] {
  const minutes = Math.max(1, Math.round(spanSeconds / 60))
  const whose = scope === 'isolate' ? ', of the isolate that answered' : ''
  return [
    `Bytes of files, in the last ${minutes} minutes${whose}: ${bytes.reads} reads, hit rate ${percent(bytes.hitRate)}.`,
    `${bytes.loads} came from the source, ${bytes.collapsed} waited for another, ${bytes.failed} failed.`,
    '',
    ...formatTable(tierColumns, bytes.tiers),
    '',
    `Rows of the database, since the start: ${rows.entries} in memory, ${formatBytes(rows.bytes)} of ` +
      `${formatBytes(rows.bytesMax)}; ${rows.evictions} had to make room.`,
    '',
    ...formatTable(statementColumns, rows.statements),
  ]
}

/** `kind=draft`: all that follows the first `=` is the value. */
function parseTag(text: string): { name: string; value: string } {
  const at = text.indexOf('=')
  if (at < 1) throw new Error('must be a tag, as name=value')
  return { name: text.slice(0, at), value: text.slice(at + 1) }
}

/** What is over sooner needs no word. */
const silentMs = 1000

/** Says how far it is, to people, once in a while. */
function createSteps(output: Output): (sentence: () => string) => void {
  let saidMs = performance.now()
  return (sentence) => {
    if (performance.now() - saidMs < silentMs) return
    saidMs = performance.now()
    output.note(sentence())
  }
}

async function invalidate(
  { connect, output }: Pick<CommandCall, 'connect' | 'output'>,
  selection: object,
): Promise<void> {
  const connection = connect()
  const say = createSteps(output)
  const sum = { files: 0, rows: 0, entries: 0 }
  let after: string | null = null
  do {
    const done: Invalidated = await connection.call<Invalidated>('POST', '/api/v1/cache/invalidate', {
      ...selection,
      ...(after !== null && { after }),
    })
    sum.files += done.files
    sum.rows += done.rows
    sum.entries += done.entries
    after = done.next
    if (after !== null) say(() => `${sum.files} files so far …`)
  } while (after !== null)
  output.done(
    sum,
    `Forgot what was cached of ${sum.files} files: ${sum.rows} names in memory, bytes under ${sum.entries} keys.`,
  )
}

export const cacheCommands = [
  defineCommand({
    name: 'cache stats',
    summary: 'Show what the caches do',
    description:
      'For administrators. Requests and each tier over a window, what is kept now, and rows of the database. On Workers, ' +
      'of the isolate that answers.',
    arguments: [],
    options: {
      window: {
        type: 'string',
        value: '<duration>',
        description: 'From `1m` to `1h`, counted back from now.',
        default: '1h',
        parse: (text: string) => {
          const seconds = parseDuration(text)
          if (seconds < 60 || seconds > 3600) throw new Error('must be from 1m to 1h')
          return seconds
        },
      },
    },
    examples: ['cache stats', 'cache stats --window 5m --json'],
    connects: true,
    json: true,
    run: async ({ options, connect, output }) => {
      const stats = await connect().call<Stats>('GET', `/api/v1/cache/stats?window=${options.window}`)
      output.report(stats, describeStats(stats))
    },
  }),
  defineCommand({
    name: 'cache invalidate',
    summary: 'Forget what is cached of a file, of a prefix, or of files with a tag',
    description:
      'For administrators. Nobody needs this for correctness: a write makes what it changes stale by itself. Also what is ' +
      'cached of files that exist no more is forgotten.',
    arguments: [
      { name: 'bucket[/key]', description: 'A file; a bucket or a prefix with one of the options.' },
    ],
    options: {
      prefix: { type: 'boolean', description: 'All files whose keys begin so; of a bucket alone, all.' },
      tag: {
        type: 'string',
        value: '<name=value>',
        description: 'All files of the bucket that have this tag.',
        parse: parseTag,
      },
    },
    examples: [
      'cache invalidate photos/2026/beach.jpg',
      'cache invalidate photos/2026/ --prefix',
      'cache invalidate photos --tag kind=draft',
    ],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const [place] = positionals as [string]
      const { prefix: isPrefix, tag } = options
      if (tag && isPrefix) throw new UsageError('--prefix and --tag do not go together.', 'cache invalidate')
      const { bucket, key } = tag || isPrefix ? parsePlace(place) : parseFilePlace(place)
      if (tag && key !== '') throw new UsageError('--tag goes with a bucket alone.', 'cache invalidate')
      const selection = tag ? { bucket, tag } : isPrefix ? { bucket, prefix: key } : { bucket, key }
      await invalidate({ connect, output }, selection)
    },
  }),
  defineCommand({
    name: 'cache clear',
    summary: 'Empty the caches',
    description: 'For administrators. Rows and bytes, in every tier that can be emptied.',
    arguments: [],
    options: {},
    examples: ['cache clear'],
    connects: true,
    json: true,
    run: async ({ connect, output }) => {
      const cleared = await connect().call<Cleared>('POST', '/api/v1/cache/clear')
      output.report(cleared, [
        `rows: ${cleared.rows} forgotten`,
        ...cleared.tiers.map(({ name, entriesBefore, entries }) =>
          entries === null
            ? `${name}: cannot be emptied; what it had is not read any more here`
            : `${name}: ${entriesBefore ?? '?'} entries before, ${entries} now`,
        ),
      ])
    },
  }),
  defineCommand({
    name: 'cache warm',
    summary: 'Load the files that are read most',
    description:
      'For administrators. Reads them as downloads would, so that the next readers need not wait: after a restart, or after ' +
      '`cache clear`. What is read most is known over restarts.',
    arguments: [],
    options: {
      files: {
        type: 'string',
        value: '<number>',
        description: 'How many, up to 1000.',
        default: '100',
        parse: wholeNumber(1, 1000),
      },
    },
    examples: ['cache warm', 'cache warm --files 1000'],
    connects: true,
    json: true,
    run: async ({ options: { files }, connect, output }) => {
      const timer = setTimeout(() => output.note(`Loading up to ${files} files …`), silentMs)
      const warmed = await connect()
        .call<Warmed>('POST', '/api/v1/cache/warm', { files })
        .finally(() => clearTimeout(timer))
      const { known, loaded, alreadyCached, missing, failed, notReached, bytes, durationMs } = warmed
      const rest = [
        missing > 0 && `${missing} are gone`,
        failed > 0 && `${failed} could not be read`,
        notReached > 0 && `${notReached} were not reached in time`,
      ].filter((each) => each !== false)
      output.report(warmed, [
        `Of the ${known} files read most, loaded ${loaded} (${formatBytes(bytes)}) in ${(durationMs / 1000).toFixed(2)} s; ` +
          `${alreadyCached} were in memory.`,
        ...(rest.length > 0 ? [`Of the others, ${rest.join(', ')}.`] : []),
      ])
    },
  }),
]
