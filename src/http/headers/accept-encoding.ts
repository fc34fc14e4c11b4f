/** Accept-Encoding: RFC 9110 §12.5.3 (R12). */

export interface AcceptEncoding {
  /**
   * The weight of a content coding from 0 (refused) to 1, its name in lower case. `identity` that is
   * neither listed nor covered by `*` weighs 0.001: acceptable, after everything that was asked for.
   */
  accepts(coding: string): number
  /** Whether the coding is named, and not only covered by `*`. */
  lists(coding: string): boolean
  /** False only after `identity;q=0`, or `*;q=0` without an entry for identity. */
  readonly identityAcceptable: boolean
}

// token [ OWS ";" OWS "q=" qvalue ]
const member = /^[ \t]*([!#$%&'*+\-.^_`|~\w]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?[ \t]*$/i

/** §8.4.1: the names that recipients should take as equal. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['x-gzip', 'gzip'],
  ['x-compress', 'compress'],
])

/**
 * Without the header any coding would be acceptable by the letter, but such clients (scripts, old
 * libraries) mostly cannot decode, so they get identity. An empty value says the same itself.
 */
const identityOnly: AcceptEncoding = {
  accepts: (coding) => (coding === 'identity' ? 1 : 0),
  lists: (coding) => coding === 'identity',
  identityAcceptable: true,
}

let lastValue: string | undefined
let lastParsed = identityOnly

/** Never throws: malformed members are ignored. A coding that is listed twice gets the lower weight. */
export function parseAcceptEncoding(value: string | undefined): AcceptEncoding {
  if (value === undefined || value === '') return identityOnly
  // Browsers of one make all send the same value.
  if (value === lastValue) return lastParsed
  lastParsed = parse(value)
  lastValue = value
  return lastParsed
}

function parse(value: string): AcceptEncoding {
  const weights = new Map<string, number>()
  for (const part of value.split(',')) {
    const match = member.exec(part)
    if (!match) continue
    const name = (match[1] ?? '').toLowerCase()
    const coding = aliases.get(name) ?? name
    weights.set(coding, Math.min(weights.get(coding) ?? 1, Number(match[2] ?? 1)))
  }
  const others = weights.get('*')
  // Members were there, but none could be read, or the list was empty: no wish is known.
  if (weights.size === 0) return identityOnly
  const identity = weights.get('identity') ?? others ?? 0.001
  return {
    accepts(coding) {
      if (coding === 'identity') return identity
      return weights.get(aliases.get(coding) ?? coding) ?? others ?? 0
    },
    lists: (coding) => weights.has(aliases.get(coding) ?? coding),
    identityAcceptable: identity > 0,
  }
}
