import { freezeRows } from './cache/frozen.ts'
import { type Lifetime, lifetimes } from './cache/lifetimes.ts'
import type { Namespace, NamespaceOptions, QueryCache, ReadHow } from './cache/query-cache.ts'
import type { DatabaseCapabilities, Params, Statement } from './ports/database.ts'
import { findUser, listAccessKeys, listTokens, listUsers } from './statements/accounts.ts'
import { type BucketRow, findBucket, listBuckets, listBucketsOfOwner } from './statements/buckets.ts'
import { countDamaged, totalsOfBucket, totalsOfEverybody, totalsOfOwner } from './statements/compression.ts'
import {
  listByKey,
  listByKeyDescending,
  listByModified,
  listByModifiedDescending,
  listBySize,
  listBySizeDescending,
  listByType,
  listByTypeDescending,
  listFilteredByKey,
  listFilteredByKeyDescending,
  listGrouped,
} from './statements/listing.ts'

/** Reads whose rows are kept as they are, and what a write has to touch to make them stale. */
interface Kept<P extends Params = Params, R = unknown> {
  readonly statement: Statement<P, R>
  readonly dependsOn: NamespaceOptions<P, R, readonly R[]>['dependsOn']
  readonly lifetime: Lifetime
  /** Also where the database is in this process: a hit saves more there than keeping costs each miss (decisions/020). */
  readonly embedded: boolean
}

function keep<P extends Params, R>(statement: Statement<P, R>, of: Omit<Kept<P, R>, 'statement'>): Kept {
  return { statement, ...of } as Kept<P, R> as unknown as Kept
}

/** A page of files is another one after any write to a file of its bucket, and the same after all others. */
function keepListing<P extends Params & { bucketId: string }, R>(
  statement: Statement<P, R>,
  { embedded = false } = {},
): Kept {
  return keep(statement, {
    dependsOn: (_rows, { bucketId }, on) => [on('files', [bucketId])],
    lifetime: lifetimes.listing,
    embedded,
  })
}

/** Triggers keep the totals, in the transaction of each write to a file. */
function keepTotals<P extends Params, R>(statement: Statement<P, R>): Kept {
  return keep(statement, {
    dependsOn: (_rows, _params, on) => [
      on('files'),
      on('buckets'),
      ...(statement.reads.includes('users') ? [on('users')] : []),
    ],
    lifetime: lifetimes.totals,
    embedded: true,
  })
}

function keepScan({ page, scanEnd }: (typeof scans)[number]): Kept[] {
  return [
    keepListing(page as Statement<Params & { bucketId: string }>),
    // One row for the thousands that are passed over.
    keepListing(scanEnd as Statement<Params & { bucketId: string }>, { embedded: true }),
  ]
}

const scans = [
  listFilteredByKey,
  listFilteredByKeyDescending,
  listByModified,
  listByModifiedDescending,
  listBySize,
  listBySizeDescending,
] as const

const totals = [totalsOfEverybody, totalsOfOwner, totalsOfBucket].flatMap(
  (whose) => Object.values(whose) as Statement[],
)

export const keptStatements: readonly Kept[] = Object.freeze([
  keepListing(listByKey),
  keepListing(listByKeyDescending),
  keepListing(listByType),
  keepListing(listByTypeDescending),
  ...scans.flatMap(keepScan),
  keepListing(listGrouped, { embedded: true }),
  ...totals.map(keepTotals),
  keep(countDamaged, {
    dependsOn: (_rows, _params, on) => [on('blobs')],
    lifetime: lifetimes.totals,
    embedded: false,
  }),
  keep(findBucket, {
    dependsOn: (rows, _params, on) => [rows ? on('buckets', [(rows[0] as BucketRow).id]) : on('buckets')],
    lifetime: lifetimes.pointer,
    embedded: false,
  }),
  keep(listBuckets, {
    dependsOn: (_rows, _params, on) => [on('buckets')],
    lifetime: lifetimes.listing,
    embedded: true,
  }),
  keep(listBucketsOfOwner, {
    dependsOn: (_rows, _params, on) => [on('buckets')],
    lifetime: lifetimes.listing,
    embedded: true,
  }),
  keep(findUser, {
    dependsOn: (_rows, { id }, on) => [on('users', [id])],
    lifetime: lifetimes.credential,
    embedded: false,
  }),
  keep(listUsers, {
    dependsOn: (_rows, _params, on) => [on('users')],
    lifetime: lifetimes.credential,
    embedded: false,
  }),
  keep(listAccessKeys, {
    dependsOn: (_rows, { userId }, on) => [on('access_keys', [userId])],
    lifetime: lifetimes.credential,
    embedded: false,
  }),
  keep(listTokens, {
    dependsOn: (_rows, { userId }, on) => [on('api_tokens', [userId])],
    lifetime: lifetimes.credential,
    embedded: false,
  }),
])

/** Reads a statement: from memory where its rows are kept, at once if they are there; else from the database. */
export type ReadRows = <P extends Params, R>(
  statement: Statement<P, R>,
  params: P,
  how?: ReadHow,
) => readonly Readonly<R>[] | Promise<readonly Readonly<R>[]>

const none: readonly never[] = Object.freeze([])

export function createReadRows(cache: QueryCache): ReadRows {
  const { database } = cache
  const kept = new Map(
    keptStatements
      .filter((each) => isKept(each, database.capabilities))
      .map((each) => [each.statement, each]),
  )
  /** Made with the first read of each: statistics name those that are in use. */
  const namespaces = new Map<Statement, Namespace<Params, readonly unknown[]>>()

  function namespaceOf(statement: Statement): Namespace<Params, readonly unknown[]> | undefined {
    const known = namespaces.get(statement)
    if (known) return known
    const of = kept.get(statement)
    if (!of) return undefined
    const { dependsOn, lifetime } = of
    const made = cache.namespace({
      statement,
      make: (rows) => (rows.length > 0 ? rows : undefined),
      dependsOn,
      lifetime,
      freeze: freezeRows,
    })
    namespaces.set(statement, made)
    return made
  }

  const read = (statement: Statement, params: Params, how?: ReadHow) => {
    const namespace = namespaceOf(statement)
    if (!namespace) return how?.ask ? how.ask(statement, params) : database.query(statement, params)
    const rows = namespace.read(params, how)
    return rows instanceof Promise ? rows.then((those) => those ?? none) : (rows ?? none)
  }
  return read as ReadRows
}

function isKept({ embedded }: Kept, capabilities: DatabaseCapabilities): boolean {
  return embedded || !capabilities.embedded
}
