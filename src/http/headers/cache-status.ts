import type { Found, Trace } from '../../core/cache/trace.ts'
import { hundredths } from './hundredths.ts'

/**
 * RFC 9211: what the caches of this server had to do with an answer. A hit is one for which neither the database nor the blob
 * store was asked; `detail` says where the rows and the bytes came from: `"rows=memory bytes=edge"`.
 */
export function formatCacheStatus(method: string, { rows, bytes }: Trace): string {
  if (method !== 'GET' && method !== 'HEAD') return 'cutty; fwd=method'
  if (rows.tier === undefined && bytes.tier === undefined) return 'cutty; fwd=bypass'
  // Most of all there are.
  if (isPlainHit(rows) && isPlainHit(bytes)) return 'cutty; hit; detail="rows=memory bytes=memory"'
  const looked = [rows, bytes].filter(({ tier }) => tier !== undefined)
  const isHit = looked.every(({ tier }) => tier !== 'source' && tier !== 'store')
  const outcome = isHit ? 'hit' : bytes.tier === 'store' && rows.tier !== 'source' ? 'fwd=bypass' : 'fwd=miss'
  const stored = bytes.tier === 'source' ? '; stored' : ''
  const collapsed = looked.some((found) => found.collapsed) ? '; collapsed' : ''
  const details = [describe('rows', rows), describe('bytes', bytes)].filter((text) => text !== '')
  return `cutty; ${outcome}${stored}${collapsed}; detail="${details.join(' ')}"`
}

function isPlainHit({ tier, stale, collapsed }: Found): boolean {
  return tier === 'memory' && !stale && !collapsed
}

function describe(what: string, { tier, stale }: Found): string {
  if (tier === undefined) return ''
  return `${what}=${tier}${stale ? ' stale' : ''}`
}

/** https://www.w3.org/TR/server-timing/: milliseconds until the head was ready, and the parts of it that took any. */
export function formatServerTiming({ rows, bytes }: Trace, totalMs: number): string {
  let text = ''
  if (rows.ms !== undefined) text += `rows;dur=${hundredths(rows.ms)}, `
  if (bytes.ms !== undefined) text += `bytes;dur=${hundredths(bytes.ms)}, `
  return `${text}total;dur=${hundredths(totalMs)}`
}
