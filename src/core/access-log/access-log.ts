import type { Clock } from '../ports/clock.ts'
import { bind, type Database, type Statement, type Value } from '../ports/database.ts'
import type { Observer, RequestEvent } from '../ports/observer.ts'
import type { Room } from '../ports/room.ts'
import {
  type AccessValues,
  accessWidth,
  insertAll,
  removeOldAccesses,
  removeSurplusAccesses,
} from '../statements/access-log.ts'
import { accessLogStatements } from '../statements/registry.ts'

/** `changes`: all but reads that went well. Of reads, one takes longer to be written down than to be answered. */
export type AccessLogScope = 'all' | 'changes'

/**
 * Requests that were answered or broken off, also those that were refused, in a database of their own. They are gathered in
 * memory and written many at a time, so a process that is killed loses what came in its last second.
 */
export interface AccessLog {
  readonly database: Database
  /** Returns at once. */
  note(event: RequestEvent): void
  /** Whether there is something to save. For a minute after a failure, no. */
  hasUnsaved(): boolean
  /** Writes down what was noted before. What goes wrong is observed; then it is kept to be tried again. */
  save(): Promise<void>
  /** Removes what is older than it is kept, or more. */
  removeOld(): Promise<void>
}

export interface AccessLogOptions {
  readonly database: Database
  /** What deletions need is not taken from them. */
  readonly room: Room
  readonly clock: Clock
  readonly observe: Observer
  readonly scope: AccessLogScope
  /** How long, and how many, are kept. */
  readonly days: number
  readonly rowsMax: number
}

/** The one of both that a statement is of. */
export function databaseOf(
  statement: Statement,
  { database, accessLog }: { database: Database; accessLog: AccessLog | undefined },
): Database {
  return accessLog && accessLogStatements.includes(statement) ? accessLog.database : database
}

/** Where more statements can be sent at once, D1's free plan takes 50. */
export const savedAtOnce = 280
/** Some 10 MB, while the database cannot be written to. */
const waitingMax = 20_000
const retryAfterMs = 60_000
/** Some 50 ms of the thread that writes. */
export const removedAtOnce = 5000
const dayMs = 86_400_000
/** A key of 1,024 bytes takes three times that in a path. */
const pathCharsMax = 4096
const nameCharsMax = 64

export function createAccessLog(options: AccessLogOptions): AccessLog {
  const { database, room, clock, observe, scope, days, rowsMax } = options
  /** One after the other: an array for each would be garbage for each. */
  let waiting: Value[] = []
  /** Values, of all time. */
  let noted = 0
  let saved = 0
  let lost = 0
  let saving: Promise<boolean> | undefined
  let pausedUntilMs = Number.NEGATIVE_INFINITY

  async function saveSome(): Promise<boolean> {
    const values = waiting.slice(0, savedAtOnce * accessWidth)
    try {
      room.take(0)
      await database.batch(insertAll(values))
    } catch (error) {
      pausedUntilMs = clock.monotonic() + retryAfterMs
      observe({ type: 'failure', requestId: undefined, during: 'writing the access log', error })
      return false
    }
    waiting = waiting.slice(values.length)
    saved += values.length
    pausedUntilMs = Number.NEGATIVE_INFINITY
    if (lost > 0) {
      observe({ type: 'lifecycle', message: 'requests are missing in the access log', details: { lost } })
      lost = 0
    }
    return true
  }

  return {
    database,
    note(event) {
      if (scope === 'changes' && isPlainRead(event)) return
      if (waiting.length === waitingMax * accessWidth) {
        lost++
        return
      }
      waiting.push(...valuesOf(event, clock.now()))
      noted += accessWidth
    },
    hasUnsaved: () => waiting.length > 0 && clock.monotonic() >= pausedUntilMs,
    async save() {
      const until = noted
      while (saved < until) {
        saving ??= saveSome().finally(() => (saving = undefined))
        if (!(await saving)) return
      }
    },
    async removeOld() {
      const beforeMs = clock.now() - days * dayMs
      for (const statement of [
        bind(removeOldAccesses, { beforeMs, limit: removedAtOnce }),
        bind(removeSurplusAccesses, { rowsMax, limit: removedAtOnce }),
      ]) {
        let removed
        do [removed] = await database.batch([statement])
        while (removed?.changes === removedAtOnce)
      }
    },
  }
}

function isPlainRead({ method, status, aborted }: RequestEvent): boolean {
  return status < 400 && !aborted && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')
}

function valuesOf(event: RequestEvent, nowMs: number): AccessValues {
  return [
    Math.round(nowMs - event.durationMs),
    event.requestId,
    event.userId ?? null,
    event.method.slice(0, nameCharsMax),
    event.route,
    event.bucket?.slice(0, nameCharsMax) ?? null,
    event.path.slice(0, pathCharsMax),
    event.status,
    event.errorCode ?? null,
    event.bytesReceived,
    event.bytesSent,
    Math.round(event.durationMs * 100) / 100,
    event.aborted ? 1 : 0,
  ]
}
