import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '../../src/core/limits.ts'
import { sentence, table, wholeNumber } from './markdown.ts'

/** Reasons are the comments in the code: each counts for the lines up to the next one. */
export async function limitReference(): Promise<string> {
  const source = readFileSync(join(import.meta.dirname, '../../src/core/limits.ts'), 'utf8')
  const reasons = new Map<string, string>()
  const body = source.slice(source.indexOf('Object.freeze({'))
  let reason = ''
  for (const [, comment, name] of body.matchAll(/\/\*\*([^]*?)\*\/|^ {2}(\w+):/gm)) {
    if (comment !== undefined) reason = comment.replace(/\s*\n\s*\*\s?/g, ' ').trim()
    else if (name !== undefined) reasons.set(name, reason)
  }
  const rows = Object.entries(limits).map(([name, value]) => {
    const why = reasons.get(name)
    if (!why) throw new Error(`core/limits.ts gives no reason for ${name}`)
    return [`\`${name}\``, showValue(name, value), sentence(why)]
  })
  return [
    '# Limits',
    'Every number that bounds something, and why. What exceeds one is refused with an [error](errors.md) that names it.',
    table(['limit', 'value', 'reason'], rows),
    'The server’s memory and time-outs are [settings](configuration.md).',
  ].join('\n\n')
}

/** Large sizes as people say them: `5,497,558,138,880 (5 TiB)`. */
function showValue(name: string, value: number): string {
  const number = wholeNumber(value)
  if (!name.includes('Bytes') || value < 65_536) return number
  const power = Math.floor(Math.log2(value) / 10)
  const inUnits = value / 1024 ** power
  return Number.isInteger(inUnits) ? `${number} (${inUnits} ${'KMGT'[power - 1]}iB)` : number
}
