/** Conditional requests: RFC 9110 §13, in the order of §13.2.2 (R4). */
import { fileTagMatches, parseEtagList } from './etag.ts'
import { parseHttpDate } from './http-date.ts'

export interface PreconditionHeaders {
  readonly ifMatch?: string | undefined
  readonly ifNoneMatch?: string | undefined
  readonly ifModifiedSince?: string | undefined
  readonly ifUnmodifiedSince?: string | undefined
}

export interface PreconditionInput {
  readonly method: string
  readonly headers: PreconditionHeaders
  /** The current file's content hash, without quotes; `undefined` when there is no file. */
  readonly etagHash: string | undefined
  /** `undefined` when there is no file: conditions on dates are ignored then. */
  readonly lastModifiedMs: number | undefined
  readonly nowMs: number
}

export type PreconditionResult = 'proceed' | 'not_modified' | 'precondition_failed'

/** The fifth step, If-Range, belongs to the range: see `ifRangeAllows` in range.ts. */
export function evaluatePreconditions(input: PreconditionInput): PreconditionResult {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = input.headers
  if (
    ifMatch === undefined &&
    ifNoneMatch === undefined &&
    ifModifiedSince === undefined &&
    ifUnmodifiedSince === undefined
  ) {
    return 'proceed'
  }
  const { method, etagHash, lastModifiedMs, nowMs } = input
  // §13.2.1: methods that neither select nor change a representation have no preconditions.
  if (method === 'OPTIONS' || method === 'TRACE' || method === 'CONNECT') return 'proceed'

  if (ifMatch !== undefined) {
    // A value that cannot be read must not let a write through that its sender meant to guard.
    if (!listMatches(ifMatch, etagHash, 'strong')) return 'precondition_failed'
  } else if (modifiedSince(ifUnmodifiedSince, lastModifiedMs, nowMs) === true) {
    return 'precondition_failed'
  }

  const reads = method === 'GET' || method === 'HEAD'
  if (ifNoneMatch !== undefined) {
    if (!listMatches(ifNoneMatch, etagHash, 'weak')) return 'proceed'
    return reads ? 'not_modified' : 'precondition_failed'
  }
  if (reads && modifiedSince(ifModifiedSince, lastModifiedMs, nowMs) === false) return 'not_modified'
  return 'proceed'
}

function listMatches(value: string, etagHash: string | undefined, comparison: 'strong' | 'weak'): boolean {
  if (etagHash === undefined) return false
  const list = parseEtagList(value)
  return list !== undefined && fileTagMatches(list, etagHash, comparison)
}

/** `undefined` when the condition is to be ignored: no header, not a date (§13.1.3), no file's date (§13.1.4). */
function modifiedSince(
  value: string | undefined,
  lastModifiedMs: number | undefined,
  nowMs: number,
): boolean | undefined {
  if (value === undefined || lastModifiedMs === undefined) return undefined
  const sinceMs = parseHttpDate(value, nowMs)
  if (sinceMs === undefined) return undefined
  // Last-Modified told the client whole seconds only.
  return Math.floor(lastModifiedMs / 1000) * 1000 > sinceMs
}
