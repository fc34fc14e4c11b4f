import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import {
  type BoundStatement,
  type Database,
  DatabaseError,
  databaseErrorFromSqlite,
  type Params,
  type Statement,
  type StatementResult,
  type StatementRun,
  type Value,
} from '../../core/ports/database.ts'
import { createSqliteInspector } from './inspector.ts'
import { migrate } from './migrate.ts'
import {
  type Upkeep,
  type UpkeepOutcome,
  type WriteGroup,
  type WriteOutcome,
  writePragmas,
  type WriterData,
} from './writer.ts'

export interface SqliteOptions {
  /** Path of the database file; created when absent. */
  readonly file: string
  /** All that will ever be run. */
  readonly statements: readonly Statement[]
  readonly migrationsFolder: string
  readonly inlineBlobBytesMax: number
  readonly nowMs: number
  /** `normal`: what was written last may be lost when the machine loses power; nothing is damaged, and nobody waits for the disk. */
  readonly synchronous?: 'full' | 'normal'
  readonly onRun?: (run: StatementRun) => void
}

/** Enough batches to make the sync cheap, few enough that none waits long for the others. */
const groupBatchesMax = 256

/**
 * https://www.sqlite.org/wal.html, with `node:sqlite`. Reads run on this thread, since a prepared point select is
 * cheaper than the way to another thread. Writes go to a thread of their own as groups: those that arrive while a
 * group is being synced make up the next one.
 */
export async function openSqliteDatabase(options: SqliteOptions): Promise<Database> {
  prepareFile(options)
  const indexes = new Map(options.statements.map((statement, index) => [statement, index]))
  const indexOf = (statement: Statement) => {
    const index = indexes.get(statement)
    if (index === undefined) throw new DatabaseError('unavailable', `${statement.name} is not registered`)
    return index
  }

  const writer = await openWriter(options)
  let reader = openReader(options.file)
  let prepared: (StatementSync | undefined)[] = []
  const { onRun } = options
  const { inspector, close: closeInspector } = createSqliteInspector({
    file: options.file,
    isCounted(table) {
      const [exists] = reader.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'`).all()
      return exists
        ? reader.prepare('SELECT 1 FROM sqlite_stat1 WHERE tbl = ?1').all(table).length > 0
        : false
    },
    async upkeep(texts) {
      try {
        await writer.tend(texts)
      } finally {
        // A connection reads statistics when it opens, and one that only reads cannot be told to do so again.
        reader.close()
        reader = openReader(options.file)
        prepared = []
      }
    },
  })
  // Two readings of the clock and a small object: 0.2 µs of the 4 that a point select takes.
  const told = (
    statement: Statement,
    run: { startedMs: number; rowsRead: number; failed: boolean },
  ): StatementRun => ({
    statement,
    durationMs: performance.now() - run.startedMs,
    rowsRead: run.rowsRead,
    rowsWritten: 0,
    failed: run.failed,
  })

  const run = (statement: Statement, values: readonly Value[]): unknown[] => {
    const index = indexOf(statement)
    const startedMs = onRun ? performance.now() : 0
    try {
      const select = (prepared[index] ??= reader.prepare(statement.text))
      const rows = select.all(...values)
      onRun?.(told(statement, { startedMs, rowsRead: rows.length, failed: false }))
      return rows
    } catch (error) {
      onRun?.(told(statement, { startedMs, rowsRead: 0, failed: true }))
      throw databaseErrorFromSqlite(error)
    }
  }

  return {
    capabilities: {
      embedded: true,
      exclusive: true,
      inlineBlobBytesMax: options.inlineBlobBytesMax,
      staleMsMax: 0,
    },

    async query<P extends Params, R>(statement: Statement<P, R>, params: P): Promise<R[]> {
      return run(
        statement as Statement,
        statement.params.map((name) => params[name] as Value),
      ) as R[]
    },

    async queryTogether(reads) {
      for (const { statement } of reads) indexOf(statement)
      const each = () => reads.map(({ statement, values }) => run(statement, values))
      if (reads.length < 2) return each()
      try {
        // The writing thread may commit between two of them: a transaction sees what was there at its first read.
        reader.exec('BEGIN')
        try {
          return each()
        } finally {
          reader.exec('COMMIT')
        }
      } catch (error) {
        throw error instanceof DatabaseError ? error : databaseErrorFromSqlite(error)
      }
    },

    async batch(statements: readonly BoundStatement[]): Promise<StatementResult[]> {
      return writer.write(statements.map((bound) => [indexOf(bound.statement), bound.values.map(ownedValue)]))
    },

    async explain(statement: Statement): Promise<string[]> {
      indexOf(statement)
      try {
        // Explaining runs nothing, so it alone would not notice that another connection has changed the schema.
        reader.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get()
        const steps = reader.prepare(`EXPLAIN QUERY PLAN ${statement.text}`).all()
        return steps.map(({ detail }) => detail as string)
      } catch (error) {
        throw databaseErrorFromSqlite(error)
      }
    },

    async ping() {
      try {
        reader.prepare('SELECT 1').get()
      } catch (error) {
        throw databaseErrorFromSqlite(error)
      }
      await writer.write([])
    },

    inspector,

    async close() {
      await closeInspector()
      // The last connection to close folds the write-ahead log into the database; a reader cannot.
      reader.close()
      await writer.close()
    },
  }
}

function openReader(file: string): DatabaseSync {
  const reader = new DatabaseSync(file, { readOnly: true })
  reader.exec('PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16384; PRAGMA mmap_size = 268435456')
  return reader
}

function prepareFile({ file, migrationsFolder, nowMs }: SqliteOptions): void {
  const database = new DatabaseSync(file)
  try {
    database.exec(writePragmas)
    migrate(database, { folder: migrationsFolder, nowMs })
  } finally {
    database.close()
  }
}

/** What the writing thread has measured of a batch. */
function runsOf(
  batch: WriteGroup[number],
  outcome: WriteOutcome,
  statements: readonly Statement[],
): StatementRun[] {
  const results = 'results' in outcome ? outcome.results : []
  const failedFrom = 'failedFrom' in outcome ? outcome.failedFrom : batch.length
  return outcome.durationsMs.map((durationMs, at) => ({
    statement: statements[(batch[at] as WriteGroup[number][number])[0]] as Statement,
    durationMs,
    rowsRead: results[at]?.rows.length ?? 0,
    rowsWritten: results[at]?.changes ?? 0,
    failed: at >= failedFrom,
  }))
}

/** A view would be sent to the other thread with all of the memory that it looks into. */
function ownedValue(value: Value): Value {
  if (!(value instanceof Uint8Array)) return value
  return value.byteLength === value.buffer.byteLength && value.constructor === Uint8Array
    ? value
    : new Uint8Array(value)
}

interface Waiting {
  readonly batch: WriteGroup[number]
  readonly resolve: (results: StatementResult[]) => void
  readonly reject: (error: DatabaseError) => void
}

interface WaitingUpkeep {
  readonly texts: readonly string[]
  readonly resolve: () => void
  readonly reject: (error: DatabaseError) => void
}

async function openWriter({ file, statements, synchronous = 'full', onRun }: SqliteOptions) {
  const workerData: WriterData = {
    file,
    texts: statements.map(({ text }) => text),
    synchronous,
    isMeasured: onRun !== undefined,
  }
  const worker = new Worker(
    new URL(import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js', import.meta.url),
    {
      workerData,
    },
  )
  let queue: Waiting[] = []
  let group: Waiting[] = []
  let upkeeps: WaitingUpkeep[] = []
  let tended: WaitingUpkeep | undefined
  let failure: DatabaseError | undefined
  let idle: (() => void) | undefined

  const tell = (batch: WriteGroup[number], outcome: WriteOutcome) => {
    if (onRun) for (const run of runsOf(batch, outcome, statements)) onRun(run)
  }
  const tellUndone = (batch: WriteGroup[number]) =>
    tell(batch, { error: '', durationsMs: batch.map(() => 0), failedFrom: 0 })
  const isIdle = () => group.length === 0 && !tended
  const send = () => {
    tended = upkeeps.shift()
    if (tended) {
      worker.postMessage({ upkeep: tended.texts } satisfies Upkeep)
      return
    }
    group = queue.splice(0, groupBatchesMax)
    if (group.length > 0) worker.postMessage(group.map(({ batch }) => batch) satisfies WriteGroup)
    else idle?.()
  }
  const fail = (error: DatabaseError) => {
    failure ??= error
    for (const { batch, reject } of [...group, ...queue]) {
      tellUndone(batch)
      reject(failure)
    }
    for (const { reject } of [...(tended ? [tended] : []), ...upkeeps]) reject(failure)
    group = []
    queue = []
    upkeeps = []
    tended = undefined
    idle?.()
  }

  await new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve())
    worker.once('error', reject)
  })
  worker.on('message', (outcomes: WriteOutcome[] | UpkeepOutcome) => {
    if (!Array.isArray(outcomes)) {
      if (outcomes.error === undefined) tended?.resolve()
      else tended?.reject(databaseErrorFromSqlite(new Error(outcomes.error)))
      send()
      return
    }
    for (const [index, outcome] of outcomes.entries()) {
      const { batch, resolve, reject } = group[index] as Waiting
      tell(batch, outcome)
      if ('results' in outcome) resolve(outcome.results)
      else reject(databaseErrorFromSqlite(new Error(outcome.error)))
    }
    send()
  })
  worker.on('error', (error) =>
    fail(new DatabaseError('unavailable', 'The writing thread failed', { cause: error })),
  )
  worker.on('exit', () => fail(new DatabaseError('unavailable', 'The database is closed')))

  return {
    write(batch: WriteGroup[number]): Promise<StatementResult[]> {
      if (failure) {
        tellUndone(batch)
        return Promise.reject(failure)
      }
      return new Promise((resolve, reject) => {
        queue.push({ batch, resolve, reject })
        // Not at once: the requests that this turn of the event loop still handles join the group.
        if (isIdle() && queue.length === 1) setImmediate(() => isIdle() && send())
      })
    },
    /** SQL of upkeep: nothing else is written meanwhile. */
    tend(texts: readonly string[]): Promise<void> {
      if (failure) return Promise.reject(failure)
      return new Promise((resolve, reject) => {
        upkeeps.push({ texts, resolve, reject })
        if (isIdle()) send()
      })
    },
    async close(): Promise<void> {
      if (failure) return
      if (!isIdle() || queue.length > 0 || upkeeps.length > 0)
        await new Promise<void>((resolve) => (idle = resolve))
      const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
      worker.postMessage('close')
      await exited
    },
  }
}
