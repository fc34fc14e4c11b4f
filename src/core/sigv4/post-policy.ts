/** Signatures of POST policies: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html */
import type { AccessKey, Credential } from './credential.ts'
import {
  algorithm,
  checkScopeDate,
  checkSignatureForm,
  formatCredential,
  parseCredential,
} from './credential.ts'
import { formatAmzDate, parseAmzDate } from './dates.ts'
import { SigV4Error } from './errors.ts'
import { hasHmac, hmacHex } from './hmac.ts'
import type { SigningKeys } from './signing-keys.ts'

/** A form's policy and what it says of its signature: legible, but not verified yet. */
export interface SignedPolicy extends Credential {
  /** In base64, as it was sent: that text is signed. */
  readonly policy: string
  readonly signature: string
  readonly signedAtMs: number
}

/**
 * Reads the fields of a form, by their lower-case names. `undefined` without any that is about a signature; SigV4Error:
 * `malformed`, `unsupported_algorithm`, `missing_date`, `wrong_scope`. How long it counts is for the policy to say.
 */
export function readSignedPolicy(
  fields: ReadonlyMap<string, string>,
  { api }: { api: string },
): SignedPolicy | undefined {
  if (fields.has('awsaccesskeyid') || fields.has('signature')) throw unsupported()
  const named = ['x-amz-algorithm', 'x-amz-credential', 'x-amz-signature'].some((name) => fields.has(name))
  const policy = fields.get('policy')
  if (!named && policy === undefined) return undefined
  if (!policy) throw new SigV4Error('malformed', 'A signed form needs the field policy.')
  if (fields.get('x-amz-algorithm') !== algorithm) throw unsupported()
  const credential = parseCredential(fields.get('x-amz-credential') ?? '', api)
  const signature = checkSignatureForm(fields.get('x-amz-signature') ?? '')
  const amzDate = fields.get('x-amz-date')
  if (amzDate === undefined) throw new SigV4Error('missing_date', 'A signed form needs the field x-amz-date.')
  const signedAtMs = parseAmzDate(amzDate)
  if (signedAtMs === undefined) {
    throw new SigV4Error('malformed', 'x-amz-date must be a time such as 20130524T000000Z.')
  }
  checkScopeDate(credential, amzDate)
  return { ...credential, policy, signature, signedAtMs }
}

/** Throws `mismatch` unless the policy was signed with this secret. */
export function verifyPolicy(
  signed: SignedPolicy,
  { secret, signingKeys }: { secret: string; signingKeys: SigningKeys },
): void {
  if (hasHmac(signed.signature, signingKeys(signed, secret), signed.policy)) return
  throw new SigV4Error(
    'mismatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    { stringToSign: signed.policy },
  )
}

/** What the fields beside the policy will be: the policy names three of them in its conditions, so they come first. */
export function policyFields(options: {
  accessKeyId: string
  region: string
  api?: string
  signedAtMs: number
}): { 'x-amz-algorithm': string; 'x-amz-credential': string; 'x-amz-date': string } {
  const { accessKeyId, region, api = 's3' } = options
  const amzDate = formatAmzDate(options.signedAtMs)
  return {
    'x-amz-algorithm': algorithm,
    'x-amz-credential': formatCredential({ accessKeyId, date: amzDate.slice(0, 8), region, api }),
    'x-amz-date': amzDate,
  }
}

/** The value of x-amz-signature for a policy in base64. */
export function signPolicy(options: {
  policy: string
  region: string
  api?: string
  signedAtMs: number
  accessKey: AccessKey
  signingKeys: SigningKeys
}): string {
  const { accessKey, region, api = 's3' } = options
  const date = formatAmzDate(options.signedAtMs).slice(0, 8)
  const credential = { accessKeyId: accessKey.accessKeyId, date, region, api }
  return hmacHex(options.signingKeys(credential, accessKey.secret), options.policy)
}

function unsupported(): SigV4Error {
  return new SigV4Error('unsupported_algorithm', `Sign with ${algorithm}: no other algorithm is supported.`)
}
