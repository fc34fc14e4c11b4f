import { decodeQueryPart } from '../target.ts'
import { S3Error } from './s3-error.ts'

/**
 * The parameters of a query, without those of its signature. Each is there once: of two, one part of this service could believe
 * the one and another the other.
 */
export type S3Query = ReadonlyMap<string, string>

const none: S3Query = new Map()

export function parseS3Query(query: string): S3Query {
  if (query === '') return none
  const values = new Map<string, string>()
  for (const pair of query.split('&')) {
    if (pair === '' || pair.startsWith('X-Amz-')) continue
    const equals = pair.indexOf('=')
    const name = decodeQueryPart(equals < 0 ? pair : pair.slice(0, equals))
    if (values.has(name)) {
      throw new S3Error('InvalidArgument', `The parameter ${name} is there more than once.`)
    }
    values.set(name, equals < 0 ? '' : decodeQueryPart(pair.slice(equals + 1)))
  }
  return values
}

/** A whole number of a parameter; `undefined` where it is not there. */
export function integerOf(
  query: S3Query,
  name: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  const text = query.get(name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return value
  throw new S3Error('InvalidArgument', `${name} must be a whole number from ${min} to ${max}.`, {
    elements: { ArgumentName: name, ArgumentValue: text },
  })
}
