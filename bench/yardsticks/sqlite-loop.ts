/**
 * The least that a durable write of small rows costs here: one loop, one commit per 32 rows of 1 KiB, synced
 * (WAL, synchronous=FULL). Reads `{ path, seconds, rowsPerCommit, rowBytes }` as JSON from standard input and
 * prints a {@link LoopResult}.
 */
import { text } from 'node:stream/consumers'
import { DatabaseSync } from 'node:sqlite'
import { generateBytes } from '../harness/bytes.ts'

export interface SqliteLoop {
  readonly path: string
  readonly seconds: number
  readonly rowsPerCommit: number
  readonly rowBytes: number
}

const job = JSON.parse(await text(process.stdin)) as SqliteLoop
const database = new DatabaseSync(job.path)
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
database.exec('CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)')
const insert = database.prepare('INSERT INTO rows (bytes) VALUES (?)')
const body = generateBytes({ seed: 1, sizeBytes: job.rowBytes, kind: 'random' })

let rows = 0
const begin = performance.now()
while (performance.now() - begin < job.seconds * 1000) {
  database.exec('BEGIN')
  for (let row = 0; row < job.rowsPerCommit; row += 1) {
    body.writeUInt32LE(rows, 0)
    insert.run(body)
    rows += 1
  }
  database.exec('COMMIT')
}
const seconds = (performance.now() - begin) / 1000
database.close()

process.stdout.write(JSON.stringify({ perSecond: rows / seconds }))
