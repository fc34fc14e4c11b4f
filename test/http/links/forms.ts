import { Buffer } from 'node:buffer'
import type { NewAccessKey } from '../../../src/core/accounts/credentials.ts'
import { policyFields, signPolicy } from '../../../src/core/sigv4/post-policy.ts'
import { createSigningKeys } from '../../../src/core/sigv4/signing-keys.ts'
import { type Answer, bucket, host, type Stage } from './link-stage.ts'

const boundary = '----form-boundary'

export interface File {
  readonly name?: string
  readonly content: string | Uint8Array
}

/** As browsers write it: fields in their order, then the file, then what is in `after`. */
export function encodeForm(
  fields: Iterable<readonly [name: string, value: string]>,
  file: File | undefined,
  after: Iterable<readonly [name: string, value: string]> = [],
): Buffer {
  const field = ([name, value]: readonly [string, string]) =>
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
  const named = file?.name === undefined ? '' : `; filename="${file.name}"`
  return Buffer.concat([
    ...[...fields].map(field),
    ...(file
      ? [
          Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"${named}\r\n\r\n`),
          typeof file.content === 'string' ? Buffer.from(file.content) : file.content,
          Buffer.from('\r\n'),
        ]
      : []),
    ...[...after].map(field),
    Buffer.from(`--${boundary}--\r\n`),
  ])
}

export function postForm(
  stage: Stage,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  url = `http://${host}/${bucket}`,
): Promise<Answer> {
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  return stage.follow(url, { method: 'POST', headers, body })
}

/** Signed by hand: `policy` is a document, or a text that is none. */
export function signFields(
  stage: Stage,
  policy: object | string,
  { key = stage.ada.key, signedAtMs = stage.clock.now() }: { key?: NewAccessKey; signedAtMs?: number } = {},
): Record<string, string> {
  const { accessKeyId, secretAccessKey: secret } = key
  const fields = policyFields({ accessKeyId, region: 'us-east-1', signedAtMs })
  const text = typeof policy === 'string' ? policy : JSON.stringify(policy)
  const encoded = Buffer.from(text).toString('base64')
  const signature = signPolicy({
    policy: encoded,
    region: 'us-east-1',
    signedAtMs,
    accessKey: { accessKeyId, secret },
    signingKeys: createSigningKeys(),
  })
  return { ...fields, policy: encoded, 'x-amz-signature': signature }
}

/** What every policy has to say of its signature. */
export function ownConditions(fields: Record<string, string>): object[] {
  return Object.entries(fields)
    .filter(([name]) => name !== 'policy' && name !== 'x-amz-signature')
    .map(([name, value]) => ({ [name]: value }))
}
