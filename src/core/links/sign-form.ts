import { Buffer } from 'node:buffer'
import { authorizeBucket, type Caller, missingBucket } from '../accounts/caller.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { checkKey } from '../files/names.ts'
import { policyFields, signPolicy } from '../sigv4/post-policy.ts'
import { findBucket } from '../statements/buckets.ts'
import { formatCaps } from './caps.ts'
import { findSigningKey } from './signing-key.ts'
import { signingRegion, type Site } from './sign-links.ts'

export interface FormRequest {
  readonly bucket: string
  /** The file's key, in which `${filename}` stands for the name of the file that is sent; or what its key must begin with. */
  readonly key?: string | undefined
  readonly keyPrefix?: string | undefined
  readonly expiresInSeconds: number
  readonly minBytes?: number | undefined
  readonly maxBytes?: number | undefined
  /** To the letter; ending in `*`, what it must begin with. */
  readonly contentType?: string | undefined
  /** Further fields that the form must have with these values. */
  readonly fields?: Readonly<Record<string, string>> | undefined
  readonly maxUses?: number | undefined
  readonly accessKeyId?: string | undefined
}

export interface SignedForm {
  readonly id: string
  /** Where the form is to be posted, as `multipart/form-data`. */
  readonly url: string
  /** Before the field `file`, which is the last. */
  readonly fields: Readonly<Record<string, string>>
  readonly expiresAtMs: number
}

type Condition = readonly [operator: string, name: string, value: string] | readonly [string, number, number]

/** Fields that say who signed what, or that the other parts of a request are for. */
const reserved =
  /^(key|bucket|file|policy|content-type|x-amz-(algorithm|credential|date|signature)|x-cutty-.*)$/i

const nameVariable = '${filename}'

/** Signs a POST policy, and gives all fields that its form must have but the file. Errors as of links. */
export async function signForm(
  core: Core,
  caller: Caller,
  request: FormRequest,
  site: Site,
): Promise<SignedForm> {
  const { bucket, minBytes = 0, maxBytes, contentType } = request
  const keyField = request.key ?? `${request.keyPrefix ?? ''}${nameVariable}`
  if (request.key !== undefined) checkKey(request.key)
  const [row] = await core.database.query(findBucket, { name: bucket })
  if (!row) throw missingBucket(caller, bucket)
  authorizeBucket(caller, 'write', row)
  if (maxBytes !== undefined && maxBytes < minBytes) {
    throw new CuttyError('invalid_request', 'maxBytes must not be less than minBytes.')
  }
  const taken = Object.keys(request.fields ?? {}).find((name) => reserved.test(name))
  if (taken !== undefined) throw new CuttyError('invalid_request', `The field ${taken} is not yours to give.`)
  const key = await findSigningKey(core, caller, request.accessKeyId)
  const signedAtMs = Math.max(Math.floor(core.clock.now() / 1000) * 1000, key.linksRevokedBeforeMs)
  const expiresAtMs = signedAtMs + request.expiresInSeconds * 1000
  const id = core.ids.next()

  const fixed: Record<string, string> = {
    ...request.fields,
    ...policyFields({ accessKeyId: key.accessKeyId, region: signingRegion, signedAtMs }),
  }
  for (const [name, value] of formatCaps({ id, maxUses: request.maxUses })) fixed[name.toLowerCase()] = value
  const conditions: Condition[] = [['eq', '$bucket', bucket], conditionOfKey(keyField)]
  if (contentType?.endsWith('*')) conditions.push(['starts-with', '$Content-Type', contentType.slice(0, -1)])
  else if (contentType !== undefined) fixed['Content-Type'] = contentType
  // Any, or none: but a field that no condition names is refused.
  else conditions.push(['starts-with', '$Content-Type', ''])
  if (minBytes > 0 || maxBytes !== undefined) {
    conditions.push(['content-length-range', minBytes, maxBytes ?? Number.MAX_SAFE_INTEGER])
  }
  for (const [name, value] of Object.entries(fixed)) conditions.push(['eq', `$${name}`, value])

  const text = JSON.stringify({ expiration: new Date(expiresAtMs).toISOString(), conditions })
  const policy = Buffer.from(text).toString('base64')
  const signature = signPolicy({
    policy,
    region: signingRegion,
    signedAtMs,
    accessKey: key,
    signingKeys: site.signingKeys,
  })
  return {
    id,
    url: `${site.scheme}://${site.host}/${bucket}`,
    fields: { key: keyField, ...fixed, policy, 'x-amz-signature': signature },
    expiresAtMs,
  }
}

/** What stands before the name of the file; behind it nothing can be asked for. */
function conditionOfKey(key: string): Condition {
  const at = key.indexOf(nameVariable)
  return at < 0 ? ['eq', '$key', key] : ['starts-with', '$key', key.slice(0, at)]
}
