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
}

/** Batches of [index of the statement, values]. */
export type WriteGroup = readonly (readonly (readonly [number, readonly Value[]])[])[]

export type WriteOutcome = { results: StatementResult[] } | { error: string }

export const writePragmas = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA busy_timeout = 5000;
  PRAGMA cache_size = -16384;
  PRAGMA wal_autocheckpoint = 4000;`

if (parentPort) {
  const port = parentPort
  const { file, texts } = workerData as WriterData
  const writer = openWriter(file, texts)
  port.on('message', (group: WriteGroup | 'close') => {
    if (group === 'close') {
      writer.close()
      port.close()
    } else {
      port.postMessage(writer.commit(group))
    }
  })
  port.postMessage('ready')
}

function openWriter(file: string, texts: readonly string[]) {
  const database = new DatabaseSync(file)
  database.exec(writePragmas)
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
    database.exec('SAVEPOINT batch')
    try {
      const results = batch.map(run)
      database.exec('RELEASE batch')
      return { results }
    } catch (error) {
      // Some failures (a full disk) end the whole transaction, and the savepoint with it.
      if (!database.isTransaction) throw error
      database.exec('ROLLBACK TO batch; RELEASE batch')
      return { error: (error as Error).message }
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
        return group.map(() => ({ error: (error as Error).message }))
      }
    },
    close() {
      database.exec('PRAGMA optimize')
      database.close()
    },
  }
}
