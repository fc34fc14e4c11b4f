import { describe, expect, test } from 'vitest'
import { type Ask, gatherReads } from '../../../src/core/cache/gathered-reads.ts'
import { lifetimes } from '../../../src/core/cache/lifetimes.ts'
import { createQueryCache, type Namespace, type QueryCache } from '../../../src/core/cache/query-cache.ts'
import { createSingleFlight } from '../../../src/core/cache/single-flight.ts'
import {
  bind,
  type BoundStatement,
  type Database,
  type DatabaseCapabilities,
  DatabaseError,
  type Params,
  type Statement,
  type Value,
} from '../../../src/core/ports/database.ts'
import { defineStatement } from '../../../src/core/statements/define.ts'
import { createTestClock } from '../test-clock.ts'

const shelves = ['a', 'b', 'c']
const keys = ['1', '2', '3', '4']

/** Of all books by their names, and of all shelves. Never changed: a write makes another one. */
type State = ReadonlyMap<string, string>

const nothing = { text: '', reads: ['books', 'shelves'], writes: [] }
const row = { writesRow: ['shelf', 'key'], writes: ['books'], text: '', reads: [] } as const
const find = defineStatement<{ shelf: string; key: string }, { text: string }>({
  ...nothing,
  name: 'books.find',
  params: ['shelf', 'key'],
})
const list = defineStatement<{ shelf: string }, { text: string }>({
  ...nothing,
  name: 'books.list',
  params: ['shelf'],
})
const count = defineStatement<Record<string, never>, { text: string }>({
  ...nothing,
  name: 'books.count',
  params: [],
})
const put = defineStatement<{ text: string; shelf: string; key: string }>({
  ...row,
  name: 'books.put',
  params: ['text', 'shelf', 'key'],
})
const remove = defineStatement<{ shelf: string; key: string }>({
  ...row,
  name: 'books.remove',
  params: ['shelf', 'key'],
})
/** Moves the first book that has a text, as who knows blobs and no names does. */
const rewrite = defineStatement<{ text: string }>({
  name: 'books.rewrite',
  text: '',
  params: ['text'],
  reads: [],
  writes: ['books'],
})
const paint = defineStatement<{ shelf: string; text: string }>({
  name: 'shelves.paint',
  text: '',
  params: ['shelf', 'text'],
  reads: [],
  writes: ['shelves'],
  writesRow: ['shelf'],
})

function changed(state: State, { statement, values }: BoundStatement): State {
  const of = Object.fromEntries(statement.params.map((name, at) => [name, values[at]])) as Record<
    string,
    string
  >
  const next = new Map(state)
  const name = `${of['shelf']}/${of['key']}`
  if (statement.name === put.name) next.set(name, of['text'] as string)
  if (statement.name === remove.name) next.delete(name)
  if (statement.name === paint.name) next.set(`colour ${of['shelf']}`, of['text'] as string)
  const first = [...state.keys()].find((each) => each.includes('/'))
  if (statement.name === rewrite.name && first) next.set(first, of['text'] as string)
  return next
}

/** What a statement says of a state, as a text; `undefined` where there is nothing. */
function viewed(state: State, statement: Statement, params: Params): string | undefined {
  const { shelf, key } = params as { shelf: string; key: string }
  if (statement.name === find.name) {
    const text = state.get(`${shelf}/${key}`)
    return text && `${text} on ${state.get(`colour ${shelf}`) ?? 'wood'}`
  }
  if (statement.name === count.name) {
    return [...state]
      .filter(([name]) => name.includes('/'))
      .map(String)
      .toSorted()
      .join(' ')
  }
  const texts = keys.flatMap((each) => state.get(`${shelf}/${each}`) ?? [])
  return texts.length > 0 ? texts.join(' ') : undefined
}

/** Numbers from 0 to below 1. https://en.wikipedia.org/wiki/Linear_congruential_generator, that of Numerical Recipes. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
}

/** More than are written while anything is under way. */
const versionsKept = 1000

/**
 * A database in which everything takes its time: a call arrives, takes effect or looks, and is answered, each when the test
 * says so, in any order.
 */
function createLateDatabase(capabilities: DatabaseCapabilities, random: () => number) {
  let state: State = new Map()
  let version = 0
  let acknowledgements = 0
  /** Of the latest versions, how many others were acknowledged before each. */
  const acknowledged = new Map<number, number>()
  const states = new Map<number, State>([[0, state]])
  const steps: (() => void)[] = []

  const database: Database = {
    capabilities,
    query<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R[]> {
      const { promise, resolve, reject } = Promise.withResolvers<R[]>()
      steps.push(() => {
        const text = viewed(state, statement as Statement, params)
        const fails = random() < 0.02
        steps.push(() =>
          fails
            ? reject(new DatabaseError('unavailable', 'the line broke'))
            : resolve((text === undefined ? [] : [{ text }]) as R[]),
        )
      })
      return promise
    },
    queryTogether(reads) {
      const { promise, resolve, reject } = Promise.withResolvers<unknown[][]>()
      steps.push(() => {
        const texts = reads.map(({ statement, values }) =>
          viewed(
            state,
            statement,
            Object.fromEntries(statement.params.map((name, at) => [name, values[at] as Value])),
          ),
        )
        const fails = random() < 0.02
        steps.push(() =>
          fails
            ? reject(new DatabaseError('unavailable', 'the line broke'))
            : resolve(texts.map((text) => (text === undefined ? [] : [{ text }]))),
        )
      })
      return promise
    },
    batch(statements) {
      const { promise, resolve, reject } = Promise.withResolvers<[]>()
      steps.push(() => {
        const luck = random()
        // Before it took effect, or after: who waits cannot tell.
        if (luck >= 0.05) {
          state = statements.reduce(changed, state)
          states.set(++version, state)
          states.delete(version - versionsKept)
          acknowledged.delete(version - versionsKept)
        }
        const written = luck >= 0.05 ? version : 0
        steps.push(() => {
          if (written > 0) acknowledged.set(written, acknowledgements++)
          if (luck < 0.1) reject(new DatabaseError('unavailable', 'the line broke'))
          else resolve([])
        })
      })
      return promise
    },
    explain: async () => [],
    ping: async () => {},
    close: async () => {},
  }
  return {
    database,
    version: () => version,
    acknowledgements: () => acknowledgements,
    /**
     * Whether somebody who began to read when so many writes were acknowledged may be told this: it was so once, and no
     * write that was acknowledged by then has changed it since.
     */
    mayBe(text: string | undefined, of: { statement: Statement; params: Params; since: number }): boolean {
      const viewAt = (at: number) => viewed(states.get(at) as State, of.statement, of.params)
      for (let at = version, view = viewAt(at); ; at--) {
        if (view === text) return true
        if (!states.has(at - 1)) return false
        const before = viewAt(at - 1)
        if (before !== view && (acknowledged.get(at) ?? Infinity) < of.since) return false
        view = before
      }
    },
    /** One thing that is under way goes one step further. False when nothing is. */
    advance(): boolean {
      const [step] = steps.splice(Math.floor(random() * steps.length), 1)
      step?.()
      return step !== undefined
    },
  }
}

type TextNamespace = Namespace<Params, string>

function createNamespaces(cache: QueryCache): [TextNamespace, Statement][] {
  const lifetime = lifetimes.listing
  const make = ([of]: readonly { text: string }[]) => of?.text
  return [
    [
      cache.namespace({
        statement: find,
        make,
        dependsOn: (_text, { shelf, key }, on) => [on('shelves', [shelf]), on('books', [shelf, key])],
        lifetime,
      }),
      find as Statement,
    ],
    [
      cache.namespace({
        statement: list,
        make,
        dependsOn: (_text, { shelf }, on) => [on('books', [shelf])],
        lifetime,
      }),
      list as Statement,
    ],
    [
      cache.namespace({
        statement: count,
        make,
        dependsOn: (_text, _params, on) => [on('books')],
        lifetime,
      }),
      count as Statement,
    ],
  ]
}

async function play({ steps, seed, exclusive, embedded }: Play): Promise<Played> {
  const random = createRandom(seed)
  const one = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T
  const clock = createTestClock()
  clock.stopAt(Date.UTC(2026, 0, 1))
  const late = createLateDatabase({ exclusive, embedded, inlineBlobBytesMax: 0, staleMsMax: 0 }, random)
  const cache = createQueryCache({
    database: late.database,
    // Room for some of what there is, so that it comes and goes.
    bytesMax: 8 * 1024,
    clock,
    background: { run: (_name, work) => void work().catch(() => {}) },
    flight: createSingleFlight({ timeoutMs: 60_000 }),
    random,
  })
  const namespaces = createNamespaces(cache)
  const played = { reads: 0, overlapped: 0, stale: [] as string[] }
  let writes = 0

  async function read(ask?: Ask): Promise<void> {
    const [namespace, statement] = one(namespaces)
    const all: Params = { shelf: one(shelves), key: one(keys) }
    const params = Object.fromEntries(statement.params.map((name) => [name, all[name] as Value]))
    const since = late.acknowledgements()
    const version = late.version()
    try {
      const text = await namespace.read(params, { upToDate: random() < 0.1, ask })
      played.reads++
      if (late.version() > version) played.overlapped++
      if (!late.mayBe(text, { statement, params, since })) {
        played.stale.push(`${statement.name} ${JSON.stringify(params)} is “${text}” at version ${version}`)
      }
    } catch (error) {
      if ((error as Error).message !== 'the line broke') throw error
    }
  }

  function write(): Promise<unknown> {
    const text = `t${writes++}`
    const place = () => ({ shelf: one(shelves), key: one(keys) })
    const luck = random()
    const statements = [
      luck < 0.6
        ? bind(put, { ...place(), text })
        : luck < 0.8
          ? bind(remove, place())
          : luck < 0.9
            ? bind(paint, { shelf: one(shelves), text })
            : bind(rewrite, { text }),
      ...(random() < 0.2 ? [bind(put, { ...place(), text: `${text}+` })] : []),
    ]
    return cache.database.batch(statements).catch(() => {})
  }

  const tasks = new Set<Promise<unknown>>()
  const follow = (task: Promise<unknown>) => {
    tasks.add(task)
    void task.finally(() => tasks.delete(task))
  }
  for (let step = 0; step < steps; step++) {
    const luck = random()
    if (luck < 0.4) follow(read())
    else if (luck < 0.42) {
      const ask = gatherReads(cache.database)
      for (let reads = 0; reads < 3; reads++) follow(read(ask))
    } else if (luck < 0.45) follow(read())
    else if (luck < 0.5) follow(write())
    else if (luck < 0.505) clock.advance(random() * 4000)
    else if (luck < 0.506) cache.clear()
    else late.advance()
    // What is under way stays some dozens.
    while (tasks.size > 24 && late.advance()) await turn()
    await turn()
  }
  while (tasks.size > 0) {
    late.advance()
    await turn()
  }
  const { byStatement, evictions } = cache.stats()
  const hits = Object.values(byStatement).reduce((sum, each) => sum + each.hits, 0)
  return { ...played, writes, hits, evictions }
}

interface Play {
  readonly steps: number
  readonly seed: number
  readonly exclusive: boolean
  readonly embedded: boolean
}

interface Played {
  readonly reads: number
  /** During which something was written. */
  readonly overlapped: number
  readonly stale: readonly string[]
  readonly writes: number
  readonly hits: number
  readonly evictions: number
}

/** Lets whoever was answered go on. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('R30: reads and writes whose answers come late and in any order', () => {
  test.each([
    { of: 'a database of others too, a network away', exclusive: false, embedded: false, seed: 1 },
    { of: 'one a network away', exclusive: true, embedded: false, seed: 2 },
    { of: 'one in this process', exclusive: true, embedded: true, seed: 3 },
  ])('100,000 steps over $of: this process never reads what it has overwritten', async (each) => {
    const played = await play({ ...each, steps: 100_000 })
    expect(played.stale).toEqual([])
    // And it was put to the test.
    expect(played.reads).toBeGreaterThan(20_000)
    expect(played.writes).toBeGreaterThan(2000)
    expect(played.overlapped).toBeGreaterThan(1000)
    expect(played.hits).toBeGreaterThan(5000)
    expect(played.evictions).toBeGreaterThan(50)
  })
})
