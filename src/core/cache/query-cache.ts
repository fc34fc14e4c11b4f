import type { Background } from '../ports/background.ts'
import type { Clock } from '../ports/clock.ts'
import { type Database, DatabaseError, type Params, type Statement, type Value } from '../ports/database.ts'
import { freezeAndMeasure } from './frozen.ts'
import type { Ask } from './gathered-reads.ts'
import type { Lifetime } from './lifetimes.ts'
import { createS3Fifo } from './s3-fifo.ts'
import type { SingleFlight } from './single-flight.ts'
import type { Found } from './trace.ts'
import { createWriteLog, type Dependency, type WriteLog } from './write-log.ts'

/**
 * What statements gave, in the memory of this process. A write through `database` makes what it changes stale before it is
 * acknowledged, row by row where the statement says which. Where this process alone writes, an entry is exact, and lives
 * until a write or for want of room; elsewhere it has a {@link Lifetime}.
 */
export interface QueryCache {
  /** The database behind it. Every batch has to go through this one. */
  readonly database: Database
  namespace<P extends Params, R, T>(options: NamespaceOptions<P, R, T>): Namespace<P, T>
  clear(): void
  stats(): QueryCacheStats
}

export interface NamespaceOptions<P extends Params, R, T> {
  readonly statement: Statement<P, R>
  /** Must not keep what it is given; its result is frozen. `undefined` when there is nothing. */
  readonly make: (rows: readonly R[], params: P) => T | undefined
  /** What the value depends on: tables that the statement reads, scopes or single rows of them. */
  readonly dependsOn: (value: T | undefined, params: P, on: WriteLog['dependency']) => readonly Dependency[]
  readonly lifetime: Lifetime
  /**
   * That there is none, which is not believed of a copy that lags, unless it may be that late (`absentMs`). Default: nothing but
   * `undefined`.
   */
  readonly isAbsent?: (value: T | undefined) => boolean
  /** Freezes a value that is kept, and tells about what it takes in memory. Default {@link freezeAndMeasure}. */
  readonly freeze?: (value: T) => number
}

export interface ReadHow {
  readonly upToDate?: boolean
  readonly found?: Found | undefined
  /** Asks the database in place of its `query`, so that several reads are one round trip. */
  readonly ask?: Ask | undefined
}

/** The results of one statement. */
export interface Namespace<P extends Params, T> {
  readonly name: string
  /**
   * From memory at once, else from the database. With `upToDate` never older than this call: for whoever is about to write.
   * Throws what the database throws.
   */
  read(params: P, how?: ReadHow): T | undefined | Promise<T | undefined>
  /** Drops what `matches`. Returns how many. */
  forget(matches: (params: P, value: T | undefined) => boolean): number
}

export interface QueryCacheStats {
  readonly entries: number
  readonly bytes: number
  readonly bytesMax: number
  readonly evictions: number
  readonly byStatement: Readonly<Record<string, StatementStats>>
}

export interface StatementStats {
  hits: number
  /** Hits that were no longer fresh. */
  stale: number
  misses: number
  /** Values used because the database could not be reached. */
  staleIfError: number
}

interface Entry {
  readonly params: Params
  readonly value: unknown
  readonly bytes: number
  readonly dependencies: readonly Dependency[]
  /** Of the write log, when it was asked for. */
  readonly sequence: number
  readonly readMs: number
  readonly freshUntilMs: number
}

export interface QueryCacheOptions {
  readonly database: Database
  /** Keys and bookkeeping included. */
  readonly bytesMax: number
  readonly clock: Clock
  readonly background: Background
  readonly flight: SingleFlight<unknown>
  /** From 0 to 1, for the jitter of lifetimes. */
  readonly random?: () => number
}

export function createQueryCache(options: QueryCacheOptions): QueryCache {
  const { database, bytesMax, clock, background, flight, random = Math.random } = options
  const { embedded, exclusive, staleMsMax } = database.capabilities
  const askNow: Ask = (statement, params, how) => database.query(statement, params, how)
  const log = createWriteLog()
  const dependency: WriteLog['dependency'] = (table, name) => log.dependency(table, name)
  const entries = createS3Fifo<Entry>({ bytesMax, sizeOf: ({ bytes }) => bytes })
  const byStatement: Record<string, StatementStats> = {}

  function namespace<P extends Params, R, T>(of: NamespaceOptions<P, R, T>): Namespace<P, T> {
    const { statement, make, dependsOn, lifetime, freeze = freezeAndMeasure } = of
    const { isAbsent = (value) => value === undefined } = of
    const prefix = `${statement.name}:`
    const counts: StatementStats = (byStatement[statement.name] = {
      hits: 0,
      stale: 0,
      misses: 0,
      staleIfError: 0,
    })

    async function load(key: string, params: P, how: ReadHow): Promise<T | undefined> {
      const { sequence } = log
      const { ask = askNow, upToDate = false } = how
      // What a copy says counts as old as it may be; that there is none only if that may be known as late.
      let lagMs = upToDate ? 0 : staleMsMax
      let value = make(await ask(statement, params, lagMs > 0 ? lagging : undefined), params)
      if (lagMs > 0 && lifetime.absentMs <= lagMs && isAbsent(value)) {
        lagMs = 0
        value = make(await ask(statement, params), params)
      }
      const dependencies = dependsOn(value, params, dependency)
      const lifeMs = value === undefined ? lifetime.absentMs : lifetime.freshMs
      if (lifeMs > 0 && log.isCurrent(dependencies, sequence)) {
        const readMs = clock.now()
        const freshMs = Math.max(0, lifeMs - lagMs)
        entries.set(key, {
          params,
          value,
          bytes: entryBytes + 2 * key.length + (value === undefined ? 0 : freeze(value)),
          dependencies,
          sequence,
          readMs,
          freshUntilMs: exclusive ? Infinity : readMs + freshMs * (1 - random() / 10),
        })
      }
      return value
    }

    /** A write since then parts those who ask now from those who asked before it. */
    async function loadOnce(key: string, params: P, how: ReadHow = {}): Promise<T | undefined> {
      if (embedded) return load(key, params, how)
      const flown = await flight.run(`${log.sequence} ${key}`, () => load(key, params, how))
      if (how.found && flown.collapsed) how.found.collapsed = true
      return flown.value as T | undefined
    }

    async function loadOrStale(
      key: string,
      params: P,
      { entry, how }: { entry: Entry | undefined; how: ReadHow },
    ) {
      try {
        return await loadOnce(key, params, how)
      } catch (error) {
        const { found } = how
        const unreachable = error instanceof DatabaseError && error.kind === 'unavailable'
        const usable = entry && log.isCurrent(entry.dependencies, entry.sequence)
        if (!unreachable || !usable || ageMs(entry) >= lifetime.staleIfErrorMs - staleMsMax) throw error
        counts.staleIfError++
        if (found) Object.assign(found, { tier: 'memory', stale: true })
        return entry.value as T | undefined
      }
    }

    /** Infinite when the clock went back: then nobody knows. */
    function ageMs({ readMs }: Entry): number {
      const age = clock.now() - readMs
      return age >= 0 ? age : Infinity
    }

    async function timed(found: Found | undefined, read: () => Promise<T | undefined>) {
      if (!found) return read()
      const startedMs = clock.monotonic()
      found.tier = 'source'
      const value = await read()
      found.ms = clock.monotonic() - startedMs
      return value
    }

    return {
      name: statement.name,
      read(params, how = {}) {
        const { upToDate = false, found } = how
        const key = prefix + encodeParams(statement.params, params)
        const mustAsk = upToDate && !exclusive
        const entry = mustAsk ? undefined : entries.get(key)
        if (entry && log.isCurrent(entry.dependencies, entry.sequence)) {
          const nowMs = exclusive ? 0 : clock.now()
          const isFresh = exclusive || (nowMs < entry.freshUntilMs && nowMs >= entry.readMs)
          const usableUntilMs = entry.freshUntilMs + lifetime.staleWhileRevalidateMs
          const isUsable = isFresh || (nowMs < usableUntilMs && nowMs >= entry.readMs)
          if (isUsable) {
            counts.hits++
            if (found) found.tier = 'memory'
            if (!isFresh) {
              counts.stale++
              if (found) found.stale = true
              background.run(`read ${statement.name} again`, async () => void (await loadOnce(key, params)))
            }
            return entry.value as T | undefined
          }
        }
        counts.misses++
        return timed(found, () =>
          mustAsk ? load(key, params, how) : loadOrStale(key, params, { entry, how }),
        )
      },
      forget(matches) {
        const keys = [...entries.entries()]
          .filter(([key, entry]) => key.startsWith(prefix) && matches(entry.params as P, entry.value as T))
          .map(([key]) => key)
        for (const key of keys) entries.delete(key)
        return keys.length
      },
    }
  }

  return {
    database: {
      capabilities: database.capabilities,
      query: (statement, params, how) => database.query(statement, params, how),
      queryTogether: (reads, how) => database.queryTogether(reads, how),
      async batch(statements) {
        try {
          return await database.batch(statements)
        } finally {
          // Also when it failed: whether it took effect is not always known.
          log.note(statements)
        }
      },
      explain: (statement) => database.explain(statement),
      ping: () => database.ping(),
      close: () => database.close(),
      ...(database.bookmarks && {
        bookmarks: {
          latest: () => database.bookmarks?.latest(),
          atLeast(bookmark) {
            const isLater = database.bookmarks?.atLeast(bookmark) === true
            // Of what is kept, nobody knows whether it is of that moment.
            if (isLater) log.noteAll()
            return isLater
          },
        },
      }),
    },
    namespace,
    clear() {
      log.noteAll()
      entries.clear()
    },
    stats: () => ({
      entries: entries.size,
      bytes: entries.bytes,
      bytesMax,
      evictions: entries.stats.evictions,
      byStatement,
    }),
  }
}

const lagging = Object.freeze({ mayLag: true })

/** An entry's own object, its list of dependencies. */
const entryBytes = 220

/** No two lists of values have one text: each is preceded by its kind and length. */
function encodeParams<P extends Params>(names: readonly (keyof P & string)[], params: P): string {
  let text = ''
  for (const name of names) {
    const value = params[name] as Value
    if (typeof value === 'string') text += `${value.length}:${value}`
    else if (value instanceof Uint8Array) text += `x${value.length}:${hex(value)}`
    else text += value === null ? 'n;' : `${value};`
  }
  return text
}

function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}
