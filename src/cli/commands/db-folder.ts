import type { BackupResult, CheckResult, FolderStatus, RestoreResult } from '../../entry/database-tools.ts'
import { defineCommand, type Option } from '../command.ts'
import { CommandError } from '../failure.ts'
import { type Column, formatBytes, formatTable, formatTime } from '../output.ts'
import { createProgress } from '../progress.ts'

const data = {
  type: 'string',
  value: '<folder>',
  description: 'The data folder. Else `CUTTY_DATA`, else ./data.',
} as const satisfies Option

function folderOf(options: { readonly data: string | undefined }): string {
  return options.data ?? (process.env['CUTTY_DATA'] || './data')
}

type Tools = typeof import('../../entry/database-tools.ts')

/** What a tool is given to show how far it is, and to hear that it should end. */
interface Terminal {
  readonly signal: AbortSignal
  readonly stage: (name: string, totalBytes: number) => ReturnType<typeof createProgress>
}

/**
 * With `cancels`, the first Ctrl-C asks the work to end after its present step. Else, and the second time, it is left to the
 * system, which ends the process at once, in the midst of a long statement too. Neither leaves anything half.
 */
async function withTools(
  work: (tools: Tools, terminal: Terminal) => Promise<void>,
  { cancels = false } = {},
): Promise<void> {
  // Only now: the help of a command must not load them.
  const tools = await import('../../entry/database-tools.ts')
  const controller = new AbortController()
  const cancel = () => controller.abort()
  if (cancels) process.once('SIGINT', cancel).once('SIGTERM', cancel)
  const stage: Terminal['stage'] = (name, totalBytes) =>
    createProgress({ stream: process.stderr, name, totalBytes, now: () => performance.now() })
  try {
    await work(tools, { signal: controller.signal, stage })
  } catch (error) {
    if (error instanceof tools.ToolError) throw new CommandError(error.message, { cause: error })
    throw error
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel)
  }
}

type Migration = FolderStatus['migrations'][number]
type RowCount = FolderStatus['rows'][number]

const migrationColumns: readonly Column[] = [
  { title: 'MIGRATION', text: ({ name }: Migration) => name },
  { title: 'STATE', text: ({ state }: Migration) => state },
  {
    title: 'APPLIED',
    text: ({ appliedAtMs }: Migration) => (appliedAtMs === undefined ? '-' : timeOf(appliedAtMs)),
  },
  { title: 'SHA-256', text: ({ checksum }: Migration) => checksum.slice(0, 16) },
]

const remarks: Readonly<Record<RowCount['by'], string>> = {
  counted: '',
  totals: '',
  statistics: 'about; as of the last ANALYZE',
  at_least: 'or more; not counted to the end',
}

const rowColumns: readonly Column[] = [
  { title: 'TABLE', text: ({ table }: RowCount) => table },
  { title: 'ROWS', align: 'right', text: ({ rows }: RowCount) => String(rows) },
  { title: '', text: ({ by }: RowCount) => remarks[by] },
]

function timeOf(ms: number): string {
  return formatTime(new Date(ms).toISOString())
}

function describeStatus(status: FolderStatus): string[] {
  const { data: folder, server, migrations, database, accessLog, rows, blobs } = status
  return [
    `data        ${folder}`,
    `server      ${server ?? 'none has the folder'}`,
    `database    ${describeSizes(database)}`,
    `access log  ${describeAccessLog(accessLog)}`,
    `blobs       ${blobs.count} files, ${formatBytes(blobs.bytes)}`,
    '',
    ...formatTable(migrationColumns, [...migrations, ...(accessLog?.migrations ?? [])]),
    '',
    ...formatTable(rowColumns, rows).map((line) => line.trimEnd()),
  ]
}

interface Sizes {
  readonly sizeBytes: number
  readonly logBytes: number
  readonly pages: number | null
  readonly freePages: number | null
}

function describeSizes({ sizeBytes, logBytes, pages, freePages }: Sizes): string {
  return `${formatBytes(sizeBytes)} in ${pages} pages, ${freePages} of them free; log ${formatBytes(logBytes)}`
}

function describeAccessLog(log: FolderStatus['accessLog']): string {
  if (log === null) return 'none'
  if (log.failure !== null) return `${formatBytes(log.sizeBytes)}, CANNOT BE READ: ${log.failure}`
  return `about ${log.rows} requests, ${describeSizes(log)}`
}

const keyNotes: Readonly<Record<BackupResult['masterKey'], string | undefined>> = {
  included: undefined,
  left_out:
    'THE MASTER KEY IS NOT IN THIS BACKUP. Files can be read without it, but no server starts on what is restored until the ' +
    'right master.key lies in the folder, or CUTTY_MASTER_KEY is set to it. If it is lost, every access key is lost with it. Keep it elsewhere.',
  absent:
    'THE MASTER KEY IS NOT IN THIS BACKUP: the data folder has none, so the server is given it by CUTTY_MASTER_KEY. Keep it ' +
    'elsewhere: no server starts on what is restored without it.',
}

function describeBackup({ target, takenAt, files, databaseBytes, blobs }: BackupResult): string[] {
  return [
    `${target} is a backup of ${formatTime(takenAt)}: ${files} files.`,
    `database  ${formatBytes(databaseBytes)}`,
    `blobs     ${blobs.count}, ${formatBytes(blobs.bytes)}; ${blobs.added} of them new, ${formatBytes(blobs.addedBytes)}; ${blobs.removed} old ones removed`,
    ...(blobs.lost > 0 ? [`LOST      ${blobs.lost} blobs were not there, or not whole`] : []),
  ]
}

function describeCheck({ findings, files, blobs, contentsRead, leftovers }: CheckResult): string[] {
  const wrong = findings.filter(({ count }) => count > 0)
  return [
    `Looked at ${files} files and ${blobs.count} blobs, ${formatBytes(blobs.bytes)}${contentsRead ? ', and read their bytes' : ''}.`,
    ...wrong.flatMap(({ kind, meaning, count, examples }) => [
      `${kind}: ${count}. ${meaning}`,
      ...examples.map((example) => `  ${example}`),
    ]),
    ...(leftovers.count > 0
      ? [`${leftovers.count} files among the blobs belong to nothing (yet); that is no damage.`]
      : []),
    wrong.length === 0 ? 'All is as it should be.' : `${wrong.length} kinds of damage.`,
  ]
}

const despiteDamage = (what: string) => ({ type: 'boolean', description: what }) as const

const damaged = 'What is stored is damaged. See docs/guides/database.md for what to do.'

export const dbFolderCommands = [
  defineCommand({
    name: 'db migrate',
    summary: 'Bring the database of a data folder up to date',
    description:
      'And that of its access log, where there is one. A server does the same when it starts. Each migration is a transaction; ' +
      'a database of a newer release is refused. No server may have the folder meanwhile.',
    arguments: [],
    options: {
      data,
      'dry-run': { type: 'boolean', description: 'Only say what would be applied; a server may run.' },
    },
    examples: ['db migrate --data /var/lib/cutty', 'db migrate --dry-run'],
    connects: false,
    json: true,
    run: ({ options, output }) =>
      withTools(async ({ migrateFolder }) => {
        const dryRun = options['dry-run']
        const result = await migrateFolder(folderOf(options), { dryRun, nowMs: Date.now() })
        const names = dryRun ? result.pending : result.applied
        const verb = dryRun ? 'Would apply' : 'Applied'
        output.report(
          result,
          names.length === 0 ? ['Nothing to apply.'] : names.map((name) => `${verb} ${name}.`),
        )
      }),
  }),
  defineCommand({
    name: 'db status',
    summary: 'Show how the database of a data folder is',
    description:
      'Migrations, sizes, rows, those of the access log too, and whether a server has the folder. Tables of more than 100,000 ' +
      'rows are not counted but estimated, and the result says so. Changes nothing; a server may run.',
    arguments: [],
    options: { data },
    examples: ['db status', 'db status --data /var/lib/cutty --json'],
    connects: false,
    json: true,
    run: ({ options, output }) =>
      withTools(async ({ folderStatus }) => {
        const status = await folderStatus(folderOf(options))
        output.report(status, describeStatus(status))
      }),
  }),
  defineCommand({
    name: 'db backup',
    summary: 'Copy a data folder while its server runs',
    description:
      'A copy of one moment: the database, the bytes of every file in it, and the master key. Into a folder that has a ' +
      'backup already, only what is new is copied; the old backup holds until the new one is whole. Broken off, it goes on ' +
      'where it was. The access log is not in it. See docs/guides/database.md.',
    arguments: [{ name: 'target', description: 'A folder for this backup alone; made when absent.' }],
    options: {
      data,
      link: {
        type: 'boolean',
        description:
          'Hard links in place of copies of the blobs: at once and without room, but on the same disk, which may fail.',
      },
      'without-key': {
        type: 'boolean',
        description:
          'Leave out `master.key`. Then keep it elsewhere: without it no server starts on the backup.',
      },
      'despite-damage': despiteDamage('Go on though blobs are lost already, or SQLite finds damage.'),
    },
    examples: [
      'db backup /backup/cutty --data /var/lib/cutty',
      'db backup /backup/cutty --without-key --json',
    ],
    connects: false,
    json: true,
    run: ({ positionals, options, output }) =>
      withTools(
        async ({ backUp }, terminal) => {
          const result = await backUp({
            ...terminal,
            data: folderOf(options),
            target: positionals[0] as string,
            link: options.link,
            withoutKey: options['without-key'],
            despiteDamage: options['despite-damage'],
            now: () => Date.now(),
          })
          output.report(result, describeBackup(result))
          const note = keyNotes[result.masterKey]
          if (note !== undefined) output.note(note)
        },
        { cancels: true },
      ),
  }),
  defineCommand({
    name: 'db restore',
    summary: 'Make a data folder of a backup',
    description:
      'Into a folder that is empty or absent, never over another. The backup is held against its manifest first, and what was ' +
      'restored is checked before it is put in place. Broken off, it goes on where it was.',
    arguments: [{ name: 'source', description: 'The folder of the backup.' }],
    options: {
      data,
      quick: {
        type: 'boolean',
        description: 'Do not read the bytes of the files again to hold them against their hashes.',
      },
      'despite-damage': despiteDamage('Put it in place whatever the check finds.'),
    },
    examples: ['db restore /backup/cutty --data /var/lib/cutty'],
    connects: false,
    json: true,
    run: ({ positionals, options, output }) =>
      withTools(
        async ({ restore }, terminal) => {
          const folder = folderOf(options)
          const result: RestoreResult = await restore({
            ...terminal,
            data: folder,
            source: positionals[0] as string,
            contents: !options.quick,
            despiteDamage: options['despite-damage'],
          })
          const { restored, check, takenAt } = result
          output.report(result, [
            restored
              ? `${folder} is what it was at ${formatTime(takenAt)}.`
              : `${folder} was not restored; what there is lies in ${folder}/restoring.`,
            ...describeCheck(check),
          ])
          const note = keyNotes[result.masterKey]
          if (restored && note !== undefined) output.note(note)
          if (!check.ok) throw new CommandError(damaged)
        },
        { cancels: true },
      ),
  }),
  defineCommand({
    name: 'db check',
    summary: 'Look whether a data folder is right',
    description:
      'SQLite’s own checks, then ours: that every count and total is what counting gives, that every file has its bytes. Then ' +
      'SQLite’s check of the access log, where there is one. Ends with 1 when anything is wrong. Changes nothing; a server may run.',
    arguments: [],
    options: {
      data,
      hash: {
        type: 'boolean',
        description: 'Read all that is stored too, decode it, and hold it against its hashes.',
      },
      quick: {
        type: 'boolean',
        description: 'Leave out whether SQLite’s indexes agree with its tables, which takes the longest.',
      },
    },
    examples: ['db check --data /var/lib/cutty', 'db check --hash --json'],
    connects: false,
    json: true,
    run: ({ options, output }) =>
      withTools(async ({ check }, terminal) => {
        const result = await check({
          ...terminal,
          data: folderOf(options),
          quick: options.quick,
          contents: options.hash,
        })
        output.report(result, describeCheck(result))
        if (!result.ok) throw new CommandError(damaged)
      }),
  }),
]
