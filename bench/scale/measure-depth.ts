/**
 * Pages of a listing at its begin and at its end, in every order; and the groups of a bucket by a delimiter.
 * `node bench/scale/measure-depth.ts DATABASE [--quick]`, of a database that was made with --folders; prints JSON.
 */
import { DatabaseSync } from 'node:sqlite'
import { keyCeiling } from '../../src/core/files/names.ts'
import * as listing from '../../src/core/statements/listing.ts'
import { openGenerated } from './adapter.ts'
import { quantile } from './timed.ts'
import type { Statement } from '../../src/core/ports/database.ts'
import type { FileListRow } from '../../src/core/statements/listing.ts'

export interface DepthMeasurement {
  readonly files: number
  readonly pages: number
  readonly groups: number
  readonly groupsP50Us: number
  readonly groupsP95Us: number
  readonly orders: readonly {
    readonly order: string
    readonly firstUs: number
    readonly lastUs: number
    /** The dearer one to the other. */
    readonly factor: number
  }[]
}

interface Order {
  readonly order: string
  readonly statement: Statement<never, FileListRow>
  /** Of the page behind a row; of the first one without it. */
  readonly params: (after: FileListRow | undefined) => Record<string, string | number>
}

const [file, quick] = process.argv.slice(2)
if (file === undefined) throw new Error('which database?')
const limit = 100
const runs = quick === '--quick' ? 100 : 2000

const reader = new DatabaseSync(file, { readOnly: true })
const bucketId = String(reader.prepare(`SELECT id FROM buckets WHERE name = 'bench'`).get()?.['id'])
const files = Number(reader.prepare('SELECT sum(files) AS files FROM storage_totals').get()?.['files'])
reader.close()

const database = await openGenerated(file)
const everything = { from: '', to: keyCeiling }
const page = async ({ statement, params }: Order, after: FileListRow | undefined) =>
  await database.query(statement as Statement<Record<string, string | number>, FileListRow>, params(after))

const orders: readonly Order[] = [
  {
    order: 'key',
    statement: listing.listByKey,
    params: (after) => ({ bucketId, ...everything, from: after ? `${after.key}\u0001` : '', limit }),
  },
  {
    order: 'keyDescending',
    statement: listing.listByKeyDescending,
    params: (after) => ({ bucketId, ...everything, to: after?.key ?? keyCeiling, limit }),
  },
  ordered('modified', listing.listByModified.page, { up: true, by: ({ modifiedAtMs }) => modifiedAtMs }),
  ordered('modifiedDescending', listing.listByModifiedDescending.page, {
    up: false,
    by: ({ modifiedAtMs }) => modifiedAtMs,
  }),
  ordered('size', listing.listBySize.page, { up: true, by: ({ sizeBytes }) => sizeBytes }),
  ordered('sizeDescending', listing.listBySizeDescending.page, {
    up: false,
    by: ({ sizeBytes }) => sizeBytes,
  }),
]

function ordered(
  order: string,
  statement: Statement<listing.SortedPage, FileListRow>,
  { up, by }: { up: boolean; by: (row: FileListRow) => number },
): Order {
  const [least, most] = [
    { value: -1, key: '' },
    { value: Number.MAX_SAFE_INTEGER, key: keyCeiling },
  ]
  const [begin, end] = up ? [least, most] : [most, least]
  const filters = { ...everything, typeFrom: '', typeTo: keyCeiling, lastValue: end.value, lastKey: end.key }
  return {
    order,
    statement,
    params: (after) => ({
      bucketId,
      ...filters,
      ...(after ? { value: by(after), key: after.key } : begin),
      limit,
    }),
  }
}

const pages = Math.ceil(files / limit)
const measured = []
for (const each of orders) {
  const last = await walk(each)
  measured.push({ order: each.order, ...(await compare(each, last)) })
}

const groupTimesUs: number[] = []
let groups = 0
for (let run = 0; run < runs / 4; run += 1) {
  const began = performance.now()
  const rows = await database.query(listing.listGrouped, {
    bucketId,
    ...everything,
    limit: 1001,
    prefixChars: 0,
    delimiter: '/',
    delimiterSuccessor: '0',
  })
  groupTimesUs.push((performance.now() - began) * 1000)
  groups = rows.filter(({ groupPrefix }) => groupPrefix !== null).length
}
await database.close()
console.log(
  JSON.stringify({
    files,
    pages,
    groups,
    groupsP50Us: quantile(groupTimesUs, 0.5),
    groupsP95Us: quantile(groupTimesUs, 0.95),
    orders: measured,
  } satisfies DepthMeasurement),
)

/** Reads every page; the row behind which the last one begins. */
async function walk(order: Order): Promise<FileListRow> {
  let after: FileListRow | undefined
  let seen = 0
  for (let number = 1; number < pages; number += 1) {
    const rows = await page(order, after)
    if (rows.length !== limit) throw new Error(`page ${number} by ${order.order} has ${rows.length} files`)
    after = rows.at(-1)!
    seen += rows.length
  }
  const rows = await page(order, after)
  if (seen + rows.length !== files) throw new Error(`by ${order.order} there are ${seen + rows.length} files`)
  return after!
}

/** In turn, so that what else the machine does meets both. */
async function compare(order: Order, last: FileListRow) {
  const firstTimesUs: number[] = []
  const lastTimesUs: number[] = []
  for (let run = 0; run < runs; run += 1) {
    for (const [after, times] of [
      [undefined, firstTimesUs],
      [last, lastTimesUs],
    ] as const) {
      const began = performance.now()
      await page(order, after)
      times.push((performance.now() - began) * 1000)
    }
  }
  const [firstUs, lastUs] = [quantile(firstTimesUs, 0.5), quantile(lastTimesUs, 0.5)]
  return { firstUs, lastUs, factor: Math.max(firstUs / lastUs, lastUs / firstUs) }
}
