/** Byte ranges: RFC 9110 §14, with the choices of R7 to R9. */
import type { ByteRange } from '../../core/ports/blob-store.ts'

export type RangeResult =
  | { readonly kind: 'whole' }
  | { readonly kind: 'range'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' }

const whole: RangeResult = { kind: 'whole' }
const unsatisfiable: RangeResult = { kind: 'unsatisfiable' }

// One member; empty list members around it must be accepted (§5.6.1.2). No two parts of the pattern
// can match the same spaces, so a hostile value costs linear time.
const oneRange = /^bytes=(?:(?:[ \t]*,)+[ \t]*)?(\d*)-(\d*)(?:[ \t]*,)*[ \t]*$/i

/**
 * The range to answer from a file of `sizeBytes`. What is malformed or of another unit is answered whole,
 * and so is more than one range, which §14.2 allows and which leaves nothing to attack (§17.15).
 * Of an empty file every range is unsatisfiable, a suffix too, as S3 has it.
 */
export function parseRange(value: string | undefined, sizeBytes: number): RangeResult {
  if (value === undefined) return whole
  const match = oneRange.exec(value)
  if (!match) return whole
  const first = match[1] ?? ''
  const last = match[2] ?? ''

  // Number() of a longer run of digits rounds, but never to below a file's size, which is exact.
  if (first === '') {
    if (last === '') return whole
    const suffixBytes = Number(last)
    if (suffixBytes === 0 || sizeBytes === 0) return unsatisfiable
    return { kind: 'range', range: { start: Math.max(0, sizeBytes - suffixBytes), end: sizeBytes - 1 } }
  }
  if (last !== '' && isLess(last, first)) return whole
  const start = Number(first)
  if (start >= sizeBytes) return unsatisfiable
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  return { kind: 'range', range: { start, end } }
}

export function formatContentRange(range: ByteRange, sizeBytes: number): string {
  return `bytes ${range.start}-${range.end}/${sizeBytes}`
}

/** Content-Range of a 416 (§15.5.17). */
export function formatUnsatisfiedRange(sizeBytes: number): string {
  return `bytes */${sizeBytes}`
}

/**
 * Whether Range counts (R9). A range is always cut from the identity form (R7), so only its tag will do,
 * compared strongly (§13.1.5); a date never does, since a file can change twice within its second (§8.8.2.2).
 */
export function ifRangeAllows(value: string | undefined, etagHash: string): boolean {
  return value === undefined || value.trim() === `"${etagHash}"`
}

/** Compares two runs of digits of any length exactly. */
function isLess(a: string, b: string): boolean {
  if (a.length <= 15 && b.length <= 15) return Number(a) < Number(b)
  const x = a.replace(/^0+/, '')
  const y = b.replace(/^0+/, '')
  return x.length === y.length ? x < y : x.length < y.length
}
