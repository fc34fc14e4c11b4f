/** Media types and their parameters: RFC 9110 §8.3.1 and §5.6.6. */

export interface MediaType {
  /** `type/subtype`, in lower case. */
  readonly type: string
  /** Names in lower case, values as they are, without quotes. Of a repeated name the first counts. */
  readonly parameters: ReadonlyMap<string, string>
}

const typeAndSubtype = /^[ \t]*([!#$%&'*+\-.^_`|~\w]+\/[!#$%&'*+\-.^_`|~\w]+)/

// OWS ";" OWS [ token "=" ( token / quoted-string ) ]
const parameter =
  /[ \t]*;[ \t]*(?:([!#$%&'*+\-.^_`|~\w]+)=(?:([!#$%&'*+\-.^_`|~\w]+)|"((?:[\t !#-[\]-~\u0080-\uffff]|\\[\t -~\u0080-\uffff])*)"))?/y

/** `undefined` when the value is not exactly one media type. */
export function parseMediaType(value: string): MediaType | undefined {
  const match = typeAndSubtype.exec(value)
  if (!match) return undefined
  const parameters = parseParameters(value, match[0].length)
  return parameters && { type: (match[1] ?? '').toLowerCase(), parameters }
}

/** Reads `;name=value` from position `at` to the end of `value`; `undefined` when there is anything else. */
export function parseParameters(value: string, at: number): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>()
  parameter.lastIndex = at
  let end = at
  for (let match = parameter.exec(value); match; match = parameter.exec(value)) {
    end = parameter.lastIndex
    const name = match[1]?.toLowerCase()
    if (name === undefined || parameters.has(name)) continue
    parameters.set(name, match[2] ?? (match[3] ?? '').replace(/\\(.)/gs, '$1'))
  }
  return value.slice(end).trim() === '' ? parameters : undefined
}
