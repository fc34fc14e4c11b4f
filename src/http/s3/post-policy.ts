import { Buffer } from 'node:buffer'
import { S3Error } from './s3-error.ts'

/**
 * The document that a POST form is held against.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
export interface PostPolicy {
  readonly expirationMs: number
  readonly conditions: readonly Condition[]
  /** Of the file. */
  readonly minBytes: number
  readonly maxBytes: number
}

interface Condition {
  readonly operator: 'eq' | 'starts-with'
  /** Of the field, in lower case. */
  readonly field: string
  readonly value: string
  /** As it was written. */
  readonly text: string
}

/** Throws `InvalidPolicyDocument`, with what is wrong. */
export function parsePolicyDocument(base64: string): PostPolicy {
  const document = parseJson(base64)
  const { expiration, conditions: listed } = document
  if (typeof expiration !== 'string') throw invalid('Policy missing expiration.')
  if (
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(expiration) ||
    Number.isNaN(Date.parse(expiration))
  ) {
    throw invalid(`Invalid 'expiration' value: '${expiration}'`)
  }
  if (!Array.isArray(listed)) throw invalid('Policy missing conditions.')
  const conditions: Condition[] = []
  let minBytes = 0
  let maxBytes = Number.POSITIVE_INFINITY
  for (const condition of listed as unknown[]) {
    const range = asRange(condition)
    if (range) {
      // Of several, all hold.
      minBytes = Math.max(minBytes, range.minBytes)
      maxBytes = Math.min(maxBytes, range.maxBytes)
    } else conditions.push(parseCondition(condition))
  }
  return { expirationMs: Date.parse(expiration), conditions, minBytes, maxBytes }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(base64: string): Record<string, unknown> {
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(base64)) throw invalid('Invalid Base64.')
  let document: unknown
  try {
    document = JSON.parse(utf8.decode(Buffer.from(base64, 'base64')))
  } catch (cause) {
    throw invalid('Invalid JSON.', cause)
  }
  if (isObject(document)) return document
  throw invalid('Policy must be a JSON object.')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asRange(condition: unknown): { minBytes: number; maxBytes: number } | undefined {
  if (!Array.isArray(condition) || typeof condition[0] !== 'string') return undefined
  if (condition[0].toLowerCase() !== 'content-length-range') return undefined
  const [minBytes, maxBytes] = condition.slice(1).map(asBytes)
  if (condition.length === 3 && minBytes !== undefined && maxBytes !== undefined)
    return { minBytes, maxBytes }
  throw invalid('Invalid content-length-range: it takes two whole numbers of bytes.')
}

function asBytes(value: unknown): number | undefined {
  const bytes = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(bytes) && (bytes as number) >= 0 ? (bytes as number) : undefined
}

function parseCondition(condition: unknown): Condition {
  const text = JSON.stringify(condition)
  if (Array.isArray(condition)) {
    const [operator, field, value] = condition as unknown[]
    const name = typeof operator === 'string' ? operator.toLowerCase() : ''
    if ((name !== 'eq' && name !== 'starts-with') || condition.length !== 3) {
      throw invalid(`Invalid Condition: ${text}`)
    }
    if (typeof field !== 'string' || !field.startsWith('$') || !isText(value)) {
      throw invalid(`Invalid Condition: ${text}`)
    }
    return { operator: name, field: field.slice(1).toLowerCase(), value: String(value), text }
  }
  const entries = isObject(condition) ? Object.entries(condition) : []
  const [entry] = entries
  if (entries.length !== 1 || !entry || !isText(entry[1])) {
    throw invalid('Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.')
  }
  const [field, value] = entry
  return {
    operator: 'eq',
    field: field.toLowerCase(),
    value: String(value),
    text: JSON.stringify(['eq', `$${field}`, value]),
  }
}

function isText(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

/** Fields that the policy need not name. */
const free = new Set(['policy', 'x-amz-signature', 'file'])

/**
 * Holds the fields (names in lower case, the bucket among them) against the policy: each condition must hold, and each field must
 * be named by one, or whoever fills the form could add what its maker never thought of. Throws `AccessDenied`.
 */
export function checkFields({ conditions }: PostPolicy, fields: ReadonlyMap<string, string>): void {
  for (const condition of conditions) {
    if (!holds(condition, fields.get(condition.field) ?? '')) {
      throw against(`Policy Condition failed: ${condition.text}`)
    }
  }
  const named = new Set(conditions.map(({ field }) => field))
  const extra = [...fields.keys()].filter(
    (name) => !named.has(name) && !free.has(name) && !name.startsWith('x-ignore-'),
  )
  if (extra.length > 0) throw against(`Extra input fields: ${extra.join(', ')}`)
}

function holds({ operator, field, value }: Condition, actual: string): boolean {
  if (operator === 'eq') return actual === value
  // A field of several types is of each of them.
  const values = field === 'content-type' ? actual.split(',').map((each) => each.trim()) : [actual]
  return values.every((each) => each.startsWith(value))
}

export function against(what: string): S3Error {
  return new S3Error('AccessDenied', `Invalid according to Policy: ${what}`)
}

function invalid(what: string, cause?: unknown): S3Error {
  return new S3Error('InvalidPolicyDocument', `Invalid Policy: ${what}`, { cause })
}
