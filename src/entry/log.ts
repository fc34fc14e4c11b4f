import { hundredths } from '../http/headers/hundredths.ts'
import type { Event, Observer } from '../core/ports/observer.ts'
import type { LogLevel } from './config.ts'

/**
 * Events as lines of JSON. Lines are gathered and written a few times a second, since a system call for each would cost
 * more than all else about a small request; `flush` writes what waits.
 */
export function createLog(options: { level: LogLevel; write: (text: string) => void; now: () => number }): {
  observe: Observer
  flush(): void
} {
  let waiting = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  // At some load many events share a millisecond.
  let stampedMs = -1
  let stamp = ''
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    if (waiting === '') return
    const text = waiting
    waiting = ''
    options.write(text)
  }
  return {
    observe(event) {
      const line = formatEvent(event, options.level)
      if (line === undefined) return
      const now = options.now()
      if (now !== stampedMs) {
        stampedMs = now
        stamp = new Date(now).toISOString()
      }
      waiting += `{"time":"${stamp}",${line}}\n`
      if (waiting.length > 65_536) flush()
      else timer ??= setTimeout(flush, 100).unref()
    },
    flush,
  }
}

/** The members of a line of JSON, or nothing for what the level leaves out. */
export function formatEvent(event: Event, level: LogLevel): string | undefined {
  if (level === 'none') return undefined
  switch (event.type) {
    case 'request': {
      if (level !== 'requests') return undefined
      // Written by hand: this is on the way of every request. Only the path can hold what must be escaped.
      const user = event.userId === undefined ? '' : `,"userId":"${event.userId}"`
      const error = event.errorCode === undefined ? '' : `,"error":"${event.errorCode}"`
      return (
        `"level":"info","event":"request","requestId":"${event.requestId}","method":${quote(event.method)},` +
        `"path":${quote(event.path)},"status":${event.status},"bytesSent":${event.bytesSent},` +
        `"durationMs":${hundredths(event.durationMs)}${user}${error}${event.aborted ? ',"aborted":true' : ''}`
      )
    }
    case 'failure': {
      const { requestId, during, error } = event
      return members({ level: 'error', event: 'failure', requestId, during, error: describeError(error) })
    }
    case 'security': {
      const { type, ...about } = event
      return members({ level: 'warning', event: type, ...about })
    }
    case 'damage':
      return members({ level: 'error', event: 'damage', blobId: event.blobId, what: event.what })
    case 'storage':
      return members({ level: 'info', event: 'storage', action: event.action, blobs: event.blobs })
    case 'cache_tier': {
      const { tier, action, during, durationMs, error } = event
      const level = action === 'closed' ? 'info' : 'warning'
      const cause = error === undefined ? {} : { error: describeError(error) }
      return members({ level, event: 'cache_tier', tier, action, during, durationMs, ...cause })
    }
    case 'slow_statement': {
      const { type, durationMs, ...about } = event
      return members({ level: 'warning', event: type, durationMs: Number(durationMs.toFixed(2)), ...about })
    }
    case 'lifecycle':
      return members({ level: 'info', event: 'lifecycle', message: event.message, ...event.details })
  }
}

/** As JSON.stringify does, which is slower for what hardly ever needs an escape. */
function quote(text: string): string {
  return /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(text) ? `"${text}"` : JSON.stringify(text)
}

function members(value: object): string {
  return JSON.stringify(value).slice(1, -1)
}

/** With every cause: the log is where the inside may be seen. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const { name, message, stack, cause } = error
  const code = (error as { code?: unknown }).code
  return { name, message, code, stack, ...(cause !== undefined && { cause: describeError(cause) }) }
}
