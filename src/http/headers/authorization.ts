/** Authorization: RFC 9110 §11.6.2, Basic (RFC 7617) and Bearer (RFC 6750). */
import { Buffer } from 'node:buffer'
import { CuttyError } from '../../core/errors.ts'

export type Authorization =
  | { readonly scheme: 'basic'; readonly accessKeyId: string; readonly secret: string }
  | { readonly scheme: 'bearer'; readonly token: string }
  /** Any other scheme; `name` in lower case. */
  | { readonly scheme: 'other'; readonly name: string }

// token68; base64 alone for Basic
const bearerToken = /^[A-Za-z0-9\-._~+/]+=*$/
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * `undefined` without credentials. Messages never repeat what was sent.
 * @throws CuttyError `invalid_credentials` when Basic or Bearer cannot be read.
 */
export function parseAuthorization(value: string | undefined): Authorization | undefined {
  if (value === undefined) return undefined
  const trimmed = value.trim()
  if (trimmed === '') return undefined
  const space = trimmed.indexOf(' ')
  const name = (space < 0 ? trimmed : trimmed.slice(0, space)).toLowerCase()
  if (name !== 'basic' && name !== 'bearer') return { scheme: 'other', name }
  const credentials = space < 0 ? '' : trimmed.slice(space).trim()
  if (name === 'basic') return parseBasic(credentials)
  if (!bearerToken.test(credentials)) {
    throw new CuttyError('invalid_credentials', 'Bearer must be followed by one token.')
  }
  return { scheme: 'bearer', token: credentials }
}

function parseBasic(credentials: string): Authorization {
  if (credentials === '' || !base64.test(credentials)) {
    throw new CuttyError('invalid_credentials', 'Basic must be followed by an id and a secret in base64.')
  }
  let text: string
  try {
    text = utf8.decode(Buffer.from(credentials, 'base64'))
  } catch (cause) {
    throw new CuttyError('invalid_credentials', 'The Basic credentials are not UTF-8.', { cause })
  }
  const colon = text.indexOf(':')
  if (colon < 0) {
    throw new CuttyError('invalid_credentials', 'The Basic credentials have no colon after the id.')
  }
  // RFC 7617 §2
  if (/\p{Cc}/u.test(text)) {
    throw new CuttyError('invalid_credentials', 'The Basic credentials have control characters.')
  }
  return { scheme: 'basic', accessKeyId: text.slice(0, colon), secret: text.slice(colon + 1) }
}
