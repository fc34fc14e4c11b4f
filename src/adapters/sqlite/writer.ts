import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { StatementResult, Value } from '../../core/ports/database.ts'

/**
 * The thread that writes. A commit waits for the disk; here it delays nobody but the commits behind it, which then
 * share the next one. A group is one transaction of many batches, each inside a savepoint, so that one which
 * fails takes nothing else down; the sync at the end is paid once for all.
 */
export interface WriterData {
  readonly file: string
  readonly texts: readonly string[]
  /** https://www.sqlite.org/pragma.html#pragma_synchronous */
  readonly synchronous: 'full' | 'normal'
  /** Whether somebody wants to know how long each statement took. */
  readonly isMeasured: boolean
}

/** Batches of [index of the statement, values]. */
export type WriteGroup = readonly (readonly (readonly [number, readonly Value[]])[])[]

/** `durationsMs`: of the statements that were run, up to the one that failed; `failedFrom` is its place. */
export type WriteOutcome = { durationsMs: number[] } & (
  | { results: StatementResult[] }
  | { error: string; failedFrom: number }
)

/** SQL of the adapter's own, such as what makes an index; each text by itself, up to the first that fails. */
export interface Upkeep {
  readonly upkeep: readonly string[]
}

export interface UpkeepOutcome {
  readonly error: string | undefined
}

export const writePragmas = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA busy_timeout = 5000;
  PRAGMA cache_size = -16384;
  PRAGMA wal_autocheckpoint = 4000;`

if (parentPort) {
  const port = parentPort
  const writer = openWriter(workerData as WriterData)
  port.on('message', (group: WriteGroup | Upkeep | 'close') => {
    if (group === 'close') {
      writer.close()
      port.close()
    } else if ('upkeep' in group) {
      port.postMessage(writer.tend(group))
    } else {
      port.postMessage(writer.commit(group))
    }
  })
  port.postMessage('ready')
}

function openWriter({ file, texts, synchronous, isMeasured }: WriterData) {
  const database = new DatabaseSync(file)
  database.exec(`${writePragmas} PRAGMA synchronous = ${synchronous}`)
  const prepared: (StatementSync | undefined)[] = []

  const run = ([index, values]: readonly [number, readonly Value[]]): StatementResult => {
    const statement = (prepared[index] ??= database.prepare(texts[index] as string))
    if (statement.columns().length > 0) {
      const rows = statement.all(...values)
      return { changes: rows.length, rows }
    }
    return { changes: Number(statement.run(...values).changes), rows: [] }
  }

  const runBatch = (batch: WriteGroup[number]): WriteOutcome => {
    const durationsMs: number[] = []
    // The end of one is the start of the next.
    let nowMs = isMeasured ? performance.now() : 0
    const measure = () => {
      if (!isMeasured) return
      const startedMs = nowMs
      nowMs = performance.now()
      durationsMs.push(nowMs - startedMs)
    }
    database.exec('SAVEPOINT batch')
    try {
      const results = batch.map((bound) => {
        const result = run(bound)
        measure()
        return result
      })
      database.exec('RELEASE batch')
      return { results, durationsMs }
    } catch (error) {
      if (durationsMs.length < batch.length) measure()
      // Some failures (a full disk) end the whole transaction, and the savepoint with it.
      if (!database.isTransaction) throw error
      database.exec('ROLLBACK TO batch; RELEASE batch')
      return { error: (error as Error).message, durationsMs, failedFrom: durationsMs.length - 1 }
    }
  }

  return {
    commit(group: WriteGroup): WriteOutcome[] {
      try {
        database.exec('BEGIN IMMEDIATE')
        const outcomes = group.map(runBatch)
        database.exec('COMMIT')
        return outcomes
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        const { message } = error as Error
        // Of all that were in it, since nobody knows which is to blame.
        return group.map((batch) => ({ error: message, durationsMs: batch.map(() => 0), failedFrom: 0 }))
      }
    },
    tend({ upkeep }: Upkeep): UpkeepOutcome {
      try {
        for (const text of upkeep) database.exec(text)
        return { error: undefined }
      } catch (error) {
        return { error: (error as Error).message }
      }
    },
    close() {
      database.exec('PRAGMA optimize')
      database.close()
    },
  }
}
