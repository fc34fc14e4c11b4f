import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openExchange } from '../harness/exchange.ts'
import { keysOf, makeTopEntries, sortByBytes } from '../harness/many-keys.ts'
import { median, measureRounds } from '../harness/rounds.ts'
import { bucket, startSubject } from '../harness/subject.ts'
import type { SQLInputValue } from 'node:sqlite'
import type { Exchange } from '../harness/exchange.ts'
import type { TopEntry } from '../harness/many-keys.ts'
import type { Context, Measurement, Outcome, Scenario } from '../harness/scenario.ts'

export const list1M: Scenario = {
  name: 'list-1m',
  measures:
    'Listing a bucket of 1,000,000 files, 1,000 per page, with and without delimiter: the slowest of the median times of the first, middle and last page.',
  yardstick: undefined,
  targets: [{ metric: 'slowestP50Ms', bound: 'below', value: 10, unit: 'ms (p50)' }],
  run,
}

const seed = 48
const limit = 1000

interface Page {
  readonly files: readonly { readonly key: string; readonly sizeBytes: number }[]
  readonly commonPrefixes: readonly string[]
  readonly nextCursor: string | null
}

/** What a listing must say at one place: a file with its size, or a folder's prefix without one. */
interface Listed {
  readonly name: string
  readonly sizeBytes: number | undefined
}

async function run(context: Context): Promise<Outcome> {
  const files = context.quick ? 100_000 : 1_000_000
  const dataFolder = join(context.folder, 'data')
  const entries = makeTopEntries({ seed, files })
  const first = await startSubject({ entry: context.entry, dataFolder })
  await first.createBucket('private')
  await first.putFile(first.filePath('template'), { seed, sizeBytes: 16, kind: 'random' })
  await first.stop()
  context.progress(`writing ${files} rows`)
  insertFiles(join(dataFolder, 'cutty.db'), entries)

  const subject = await startSubject({ ...context, dataFolder })
  const exchange = await openExchange(subject)
  context.progress('checking every page')
  const pages = {
    keys: await walk(exchange, '', expectedKeys(entries)),
    folders: await walk(exchange, '&delimiter=/', expectedFolders(entries)),
  }
  const measured = await measureRounds({
    rounds: context.rounds,
    compared: 'slowestP50Ms',
    servers: [subject],
    progress: context.progress,
    subject: () => timePages(exchange, pages, context.secondsPerRound),
  })
  exchange.close()
  await subject.stop()

  return {
    ...measured,
    settings: { files, limit, seed, pages: pages.keys.pages, pagesByFolder: pages.folders.pages },
    verified: ['the names and sizes on every page of both listings, and their order, against the generator'],
  }
}

/** Fills the bucket behind the stopped server: rows like the template's, all pointing to its blob. */
function insertFiles(path: string, entries: readonly TopEntry[]): void {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN')
  const template = database
    .prepare('SELECT files.* FROM files JOIN buckets ON buckets.id = bucket_id WHERE buckets.name = ?')
    .get(bucket)!
  const columns = Object.keys(template)
  const insert = database.prepare(
    `INSERT INTO files (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  )
  database.prepare('DELETE FROM files WHERE key = ?').run(template['key'] as string)
  let count = 0
  for (const { key, sizeBytes } of keysOf(entries)) {
    const row = { ...template, key, size_bytes: sizeBytes } as Record<string, SQLInputValue>
    insert.run(...columns.map((column) => row[column]!))
    count += 1
  }
  database
    .prepare('UPDATE blobs SET references_count = ? WHERE id = ?')
    .run(count, template['blob_id'] as string)
  database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

function* expectedKeys(entries: readonly TopEntry[]): Generator<Listed> {
  for (const { key, sizeBytes } of keysOf(entries)) yield { name: key, sizeBytes }
}

function* expectedFolders(entries: readonly TopEntry[]): Generator<Listed> {
  for (const { name, sizeBytes } of expectedKeys(entries)) {
    if (!name.includes('/')) yield { name, sizeBytes }
    else if (name.endsWith('/file-0000.bin')) yield { name: name.slice(0, -13), sizeBytes: undefined }
  }
}

interface Walked {
  readonly pages: number
  /** Paths of the first, middle and last page. */
  readonly paths: Readonly<Record<'first' | 'middle' | 'last', string>>
}

/** Reads a listing from its first page to its last and compares all of it. */
async function walk(exchange: Exchange, query: string, expected: Generator<Listed>): Promise<Walked> {
  const base = `/api/v1/buckets/${bucket}/files?limit=${limit}${query}`
  const paths: string[] = []
  for (let path: string | undefined = base; path !== undefined;) {
    paths.push(path)
    const page = await getPage(exchange, path)
    comparePage(page, expected, paths.length)
    path = page.nextCursor === null ? undefined : `${base}&cursor=${encodeURIComponent(page.nextCursor)}`
  }
  const left = expected.next()
  if (!left.done) throw new Error(`the listing ends on page ${paths.length}, before ${left.value.name}`)
  return {
    pages: paths.length,
    paths: { first: paths[0]!, middle: paths[Math.floor(paths.length / 2)]!, last: paths.at(-1)! },
  }
}

function comparePage(page: Page, expected: Generator<Listed>, number: number): void {
  const listed = sortByBytes(
    [
      ...page.files.map(({ key, sizeBytes }): Listed => ({ name: key, sizeBytes })),
      ...page.commonPrefixes.map((name): Listed => ({ name, sizeBytes: undefined })),
    ],
    ({ name }) => name,
  )
  const full = page.nextCursor === null ? listed.length <= limit : listed.length === limit
  if (!full) throw new Error(`page ${number} has ${listed.length} entries`)
  for (const { name, sizeBytes } of listed) {
    const wanted = expected.next()
    if (wanted.done) throw new Error(`page ${number} lists ${name} after the end`)
    if (wanted.value.name !== name || wanted.value.sizeBytes !== sizeBytes) {
      throw new Error(`page ${number} lists ${name} (${sizeBytes}), not ${JSON.stringify(wanted.value)}`)
    }
  }
}

async function getPage(exchange: Exchange, path: string): Promise<Page> {
  const { status, body } = await exchange.get(path)
  if (status !== 200) throw new Error(`${path}: status ${status}: ${body.toString().slice(0, 500)}`)
  return JSON.parse(body.toString()) as Page
}

/** Asks for each page again and again for its share of `seconds`, at least ten times. */
async function timePages(
  exchange: Exchange,
  listings: Readonly<Record<string, Walked>>,
  seconds: number,
): Promise<Measurement> {
  const p50Ms: Record<string, number> = {}
  for (const [listing, { paths }] of Object.entries(listings)) {
    for (const [place, path] of Object.entries(paths)) {
      const times: number[] = []
      const until = performance.now() + (seconds * 1000) / 6
      while (times.length < 10 || performance.now() < until)
        times.push((await exchange.get(path)).milliseconds)
      p50Ms[`${listing}.${place}.p50Ms`] = median(times)
    }
  }
  return { slowestP50Ms: Math.max(...Object.values(p50Ms)), ...p50Ms }
}
