import type { Lifetime } from '../../../src/core/cache/lifetimes.ts'
import { createQueryCache, type Namespace } from '../../../src/core/cache/query-cache.ts'
import { createSingleFlight } from '../../../src/core/cache/single-flight.ts'
import {
  bind,
  type Bookmarks,
  type Database,
  type Params,
  type QueryHow,
  type Statement,
} from '../../../src/core/ports/database.ts'
import { defineStatement } from '../../../src/core/statements/define.ts'
import { createTestClock } from '../test-clock.ts'

export interface Row {
  readonly text: string
}

export const find = defineStatement<{ shelf: string; key: string }, Row>({
  name: 'books.find',
  text: '',
  params: ['shelf', 'key'],
  reads: ['books', 'shelves'],
  writes: [],
})
export const put = defineStatement<{ text: string; shelf: string; key: string }>({
  name: 'books.put',
  text: '',
  params: ['text', 'shelf', 'key'],
  reads: [],
  writes: ['books'],
  writesRow: ['shelf', 'key'],
})
export const burn = defineStatement({
  name: 'books.burn',
  text: '',
  params: [],
  reads: [],
  writes: ['books'],
})
export const paint = defineStatement({
  name: 'shelves.paint',
  text: '',
  params: [],
  reads: [],
  writes: ['shelves'],
})
export const elsewhere = defineStatement({
  name: 'jobs.save',
  text: '',
  params: [],
  reads: [],
  writes: ['jobs'],
})

export const lifetime: Lifetime = {
  freshMs: 2000,
  staleWhileRevalidateMs: 3000,
  staleIfErrorMs: 60_000,
  absentMs: 1000,
}

/** Books in a map, read and written when the test says so. */
export function createStage(of: {
  exclusive: boolean
  life?: Lifetime
  staleMsMax?: number
  bookmarks?: boolean
}) {
  const { exclusive, life = lifetime, staleMsMax = 0 } = of
  const books = new Map<string, string>()
  const clock = createTestClock()
  clock.stopAt(Date.UTC(2026, 0, 1))
  const tasks: Promise<void>[] = []
  /** What a copy of the database says, where there is one that lags. */
  let copy: Map<string, string> | undefined
  const asked: string[] = []
  let queries = 0
  let outage: Error | undefined
  let gate: Promise<void> | undefined
  const look = (params: Params, mayLag: boolean) => {
    const { shelf, key } = params as unknown as { shelf: string; key: string }
    const text = ((mayLag && copy) || books).get(JSON.stringify([shelf, key]))
    return text === undefined ? [] : [{ text }]
  }
  const inner: Database = {
    capabilities: { embedded: exclusive, exclusive, inlineBlobBytesMax: 0, staleMsMax },
    async query<P extends Params, R>(_statement: Statement<P, R>, params: P, how: QueryHow = {}) {
      queries++
      asked.push(how.mayLag ? 'any' : 'primary')
      if (outage) throw outage
      const rows = look(params, how.mayLag === true)
      await gate
      return rows as R[]
    },
    async queryTogether(reads, how = {}) {
      queries++
      asked.push(`${reads.length} of ${how.mayLag ? 'any' : 'primary'}`)
      if (outage) throw outage
      const rows = reads.map(({ values: [shelf, key] }) =>
        look({ shelf, key } as Params, how.mayLag === true),
      )
      await gate
      return rows
    },
    async batch(statements) {
      if (outage) throw outage
      for (const { statement, values } of statements) {
        const [text, shelf, key] = values as string[]
        if (statement.name === 'books.put') books.set(JSON.stringify([shelf, key]), text as string)
        if (statement.name === 'books.burn') books.clear()
      }
      return []
    },
    explain: async () => [],
    ping: async () => {},
    close: async () => {},
    ...(of.bookmarks && { bookmarks: createBookmarks() }),
  }
  const cache = createQueryCache({
    database: inner,
    bytesMax: 1024 ** 2,
    clock,
    background: { run: (_name, work) => void tasks.push(work()) },
    flight: createSingleFlight({ timeoutMs: 60_000 }),
    random: () => 0,
  })
  const namespace = cache.namespace<{ shelf: string; key: string }, Row, Row>({
    statement: find,
    make: ([row]) => row,
    dependsOn: (_row, { shelf, key }, on) => [on('shelves'), on('books', [shelf, key])],
    lifetime: life,
  })
  const read = async (key: string, how?: Parameters<Namespace<never, Row>['read']>[1]) =>
    (await namespace.read({ shelf: 's', key }, how))?.text
  return {
    cache,
    clock,
    inner,
    namespace,
    read,
    put: (key: string, text: string) => cache.database.batch([bind(put, { text, shelf: 's', key })]),
    /** By a process that this one knows nothing of. */
    putElsewhere: (key: string, text: string) => inner.batch([bind(put, { text, shelf: 's', key })]),
    queries: () => queries,
    /** Whom reads asked, since the last time. */
    asked: () => asked.splice(0),
    /** From now on the copy says what the books say now, until it is called again. */
    copy: () => void (copy = new Map(books)),
    copyAs(key: string, text: string | undefined) {
      copy = new Map(text === undefined ? [] : [[JSON.stringify(['s', key]), text]])
    },
    fail: (error: Error | undefined) => void (outage = error),
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return () => {
        gate = undefined
        resolve()
      }
    },
    async settled() {
      await Promise.allSettled(tasks)
    },
  }
}

function createBookmarks(): Bookmarks {
  let told = ''
  return {
    latest: () => '0',
    atLeast(bookmark) {
      if (bookmark <= told) return false
      told = bookmark
      return true
    },
  }
}
