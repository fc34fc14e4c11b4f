import { Worker } from 'node:worker_threads'
import { DatabaseError, databaseErrorFromSqlite } from '../../core/ports/database.ts'
import { advisedPrefix, type DatabaseInspector, type NewIndex } from '../../core/ports/database-inspector.ts'
import type { InspectorAnswer, InspectorData, InspectorRequest } from './inspector-thread.ts'

/**
 * Looks in a thread of its own, which ends with its answer, since it may read all of the file; changes by `upkeep`, which is the
 * writing thread's. One at a time.
 */
export function createSqliteInspector(options: {
  file: string
  /** Runs SQL in the writing thread, each text by itself, when the batches under way are done. */
  upkeep: (texts: readonly string[]) => Promise<void>
  /** Whether the planner knows anything of a table. */
  isCounted: (table: string) => boolean
}): { inspector: DatabaseInspector; close: () => Promise<void> } {
  const { file, upkeep, isCounted } = options
  let last: Promise<unknown> = Promise.resolve()
  let worker: Worker | undefined
  let isClosed = false

  const ask = (request: InspectorRequest): Promise<InspectorAnswer> =>
    new Promise((resolve, reject) => {
      const name = `./inspector-thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`
      worker = new Worker(new URL(name, import.meta.url), {
        workerData: { file, request } satisfies InspectorData,
      })
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new DatabaseError('unavailable', 'The inspection was ended')))
    })
  /** After those before it. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const begin = () => {
      if (isClosed) throw new DatabaseError('unavailable', 'The database is closed')
      return work()
    }
    const next = last.then(begin).catch((error: unknown) => {
      throw error instanceof DatabaseError ? error : databaseErrorFromSqlite(error)
    })
    last = next.catch(() => {})
    return next
  }
  const answered = async <K extends 'inspection' | 'plans'>(request: InspectorRequest, part: K) => {
    const answer = await ask(request)
    if ('error' in answer) throw new Error(answer.error)
    return (answer as Extract<InspectorAnswer, Record<K, unknown>>)[part]
  }
  const refuseOthers = (name: string) => {
    if (!name.startsWith(advisedPrefix))
      throw new DatabaseError('unavailable', `${name} is not an advised index`)
  }

  const inspector: DatabaseInspector = {
    plansMax: Number.POSITIVE_INFINITY,

    inspect: (statements) =>
      inTurn(() => {
        const named = statements.map(({ name, text }) => ({ name, text }))
        return answered({ kind: 'inspect', statements: named }, 'inspection')
      }),

    tryIndexes: (trials) =>
      inTurn(async () => {
        const texts = trials.map(({ index }) => indexText(index))
        const asked = trials.map(({ statement, index }, at) => ({
          text: statement.text,
          indexText: texts[at] as string,
          index,
        }))
        const plans = await answered({ kind: 'try', trials: asked }, 'plans')
        return trials.map((trial, at) => ({
          ...trial,
          plan: plans[at] as string[],
          text: texts[at] as string,
        }))
      }),

    analyze: (tables) => inTurn(() => upkeep(tables.map((table) => `ANALYZE ${quoteIdentifier(table)}`))),

    createIndex: (index: NewIndex) =>
      inTurn(async () => {
        refuseOthers(index.name)
        // Either all indexes of a table are guessed at or none, or the one that is known looks worse than it is.
        const counting = isCounted(index.table) ? [`ANALYZE ${quoteIdentifier(index.name)}`] : []
        // Two administrators may ask for the same.
        const text = indexText(index).replace('CREATE INDEX', 'CREATE INDEX IF NOT EXISTS')
        await upkeep([text, ...counting])
      }),

    dropIndex: (name) =>
      inTurn(async () => {
        refuseOthers(name)
        await upkeep([`DROP INDEX IF EXISTS ${quoteIdentifier(name)}`])
      }),
  }
  return {
    inspector,
    async close() {
      isClosed = true
      await worker?.terminate()
      await last
    },
  }
}

/** What makes an index. Throws an `Error` for what is no plain name. */
function indexText({ name, table, columns }: NewIndex): string {
  const quoted = [name, table, ...columns].map(quoteIdentifier)
  return `CREATE INDEX ${quoted[0]} ON ${quoted[1]} (${quoted.slice(2).join(', ')})`
}

/** Plain names only; quoted, since `key` may be a word of SQL. */
function quoteIdentifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/i.test(name)) throw new Error(`“${name}” is no name`)
  return `"${name}"`
}
