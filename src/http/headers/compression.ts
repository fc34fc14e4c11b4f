import { codecs } from '../../core/compression/codecs.ts'
import type { CodecName } from '../../core/compression/codec.ts'
import type { CompressionPolicy } from '../../core/compression/policy.ts'
import { CuttyError } from '../../core/errors.ts'

const modes: readonly string[] = ['auto', 'off', ...Object.keys(codecs)]

// A structured field (RFC 9651): a token with at most one parameter.
const item = /^[ \t]*([a-z0-9]+)(?:;[ \t]*level=(\d{1,2}))?[ \t]*$/

/**
 * X-Cutty-Compression: how one upload is stored, instead of what the bucket says: `off`, `auto`, or a codec with or without a
 * level, as `zstd;level=9`. Throws `invalid_request` for anything else.
 */
export function parseCompressionHeader(value: string | undefined): Partial<CompressionPolicy> | undefined {
  if (value === undefined) return undefined
  const [, mode = '', level] = item.exec(value) ?? []
  if (!modes.includes(mode)) throw refused(`must be one of ${modes.join(', ')}, and may go on with ;level=N`)
  // Minimum size and gain are the bucket's, whoever chooses the codec.
  const levels = codecs[mode as CodecName]?.levels
  if (level === undefined) {
    // Its own, and not the level that the bucket has for another codec.
    return { mode: mode as CompressionPolicy['mode'], ...(levels && { level: levels.ratio }) }
  }
  if (!levels) throw refused(`${mode} has no levels`)
  const { min, max } = levels
  if (Number(level) < min || Number(level) > max) throw refused(`${mode} has the levels ${min} to ${max}`)
  return { mode: mode as CodecName, level: Number(level) }
}

function refused(why: string): CuttyError {
  return new CuttyError('invalid_request', `X-Cutty-Compression: ${why}.`)
}
