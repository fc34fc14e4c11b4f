import { recodeQueryPart } from './percent.ts'

/** A parameter in its canonical encoding. */
export interface QueryParameter {
  readonly name: string
  readonly value: string
}

/**
 * The parameters of a raw query, in canonical encoding and order. A name alone has the empty value; between two `&` with
 * nothing there is no parameter. `malformed` for a broken escape.
 */
export function parseCanonicalQuery(query: string): QueryParameter[] {
  const parameters: QueryParameter[] = []
  if (query === '') return parameters
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    parameters.push({
      name: recodeQueryPart(equals < 0 ? pair : pair.slice(0, equals)),
      value: equals < 0 ? '' : recodeQueryPart(pair.slice(equals + 1)),
    })
  }
  return parameters.toSorted(compareParameters)
}

/** The text to be signed; of parameters in the order of {@link compareParameters}. */
export function formatCanonicalQuery(parameters: readonly QueryParameter[], without?: string): string {
  let text = ''
  for (const { name, value } of parameters) {
    if (name === without) continue
    text += text === '' ? `${name}=${value}` : `&${name}=${value}`
  }
  return text
}

/** By the bytes of the encoded name, then of the encoded value: all of it is ASCII by now. */
export function compareParameters(a: QueryParameter, b: QueryParameter): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}
