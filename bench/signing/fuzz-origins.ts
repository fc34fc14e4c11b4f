/** Valid requests and forms to begin from. Sent as they are they are accepted, and leave what is stored as it was. */
import { createHash } from 'node:crypto'
import { encodePart, encodePath } from '../../src/core/sigv4/percent.ts'
import { policyFields, signPolicy } from '../../src/core/sigv4/post-policy.ts'
import { signRequest } from '../../src/core/sigv4/sign-request.ts'
import { signUrl } from '../../src/core/sigv4/sign-url.ts'
import { createSigningKeys } from '../../src/core/sigv4/signing-keys.ts'
import { formatChunks, sha256, writeChunks } from './aws-chunks.ts'
import type { AccessKey } from '../../src/core/sigv4/credential.ts'
import type { Message } from './send.ts'

/** What a form sends, before it is multipart/form-data. */
export interface Form {
  readonly bucket: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly fileName: string
  readonly file: Buffer
  /** After the file, where they do not count. */
  readonly fieldsAfter: readonly (readonly [name: string, value: string])[]
}

export interface Policy {
  readonly expiration: string
  readonly conditions: readonly unknown[]
}

export type Origin = { readonly name: string } & (
  | { readonly kind: 'request' | 'chunks'; readonly message: Message }
  | { readonly kind: 'form'; readonly form: Form; readonly policy: Policy }
)

export const buckets = ['fuzz-one', 'fuzz-two'] as const
/** In both buckets, with other bytes in each; then never written with anything else. */
export const keys = [
  'plain.txt',
  'folder/a b+c%41.txt',
  '\u00fcn\u00ef/\u6f22\u5b57/\u{1f642}',
  '/leading//double/../dots/./end',
  "marks!'()*~_-.=&?#;:@,$",
] as const
const absentKey = 'nothing/here'
const host = 'files.example'
const region = 'eu-central-1'
const none = Buffer.alloc(0)

export function contentOf(bucket: string, key: string): Buffer {
  return Buffer.from(`${bucket} ${key} `.repeat(40))
}

export interface Signer {
  readonly accessKey: AccessKey
  readonly nowMs: number
  readonly signingKeys: ReturnType<typeof createSigningKeys>
}

export function createSigner(accessKey: AccessKey, nowMs: number): Signer {
  return { accessKey, nowMs, signingKeys: createSigningKeys() }
}

interface Wanted {
  readonly method: string
  readonly path: string
  readonly query?: readonly (readonly [string, string])[]
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
}

export function makeOrigins(signer: Signer): Origin[] {
  return buckets.flatMap((bucket) =>
    keys.flatMap((key) => [
      ...wantedOf(bucket, key).flatMap((wanted) => [
        {
          kind: 'request' as const,
          name: `${wanted.method} in its headers`,
          message: byHeader(signer, wanted),
        },
        { kind: 'request' as const, name: `${wanted.method} in its query`, message: byQuery(signer, wanted) },
      ]),
      ...cappedOf(bucket, key).map((wanted) => ({
        kind: 'request' as const,
        name: `${wanted.method} with caps`,
        message: byQuery(signer, wanted),
      })),
      ...byChunks(signer, bucket, key),
      makeForm(signer, bucket, key),
    ]),
  )
}

function wantedOf(bucket: string, key: string): Wanted[] {
  const path = `/${bucket}/${key}`
  const body = contentOf(bucket, key)
  const described = { 'content-type': 'text/plain', 'x-amz-meta-note': 'as it was  written' }
  const document = Buffer.from(`<Delete><Object><Key>${absentKey}</Key></Object></Delete>`)
  return [
    { method: 'GET', path },
    { method: 'GET', path, headers: { range: 'bytes=1-20' } },
    {
      method: 'GET',
      path,
      query: [
        ['response-content-type', 'text/html; charset=utf-8'],
        ['response-content-disposition', 'attachment; filename="a b+c.txt"'],
      ],
    },
    { method: 'HEAD', path },
    { method: 'PUT', path, headers: described, body },
    { method: 'DELETE', path: `/${bucket}/${absentKey}` },
    {
      method: 'PUT',
      path,
      headers: { 'x-amz-copy-source': encodePath(path), 'x-amz-metadata-directive': 'REPLACE', ...described },
    },
    {
      method: 'GET',
      path: `/${bucket}`,
      query: [
        ['list-type', '2'],
        ['prefix', key.slice(0, 3)],
        ['delimiter', '/'],
      ],
    },
    { method: 'GET', path: '/' },
    {
      method: 'POST',
      path: `/${bucket}`,
      query: [['delete', '']],
      headers: { 'content-md5': createHash('md5').update(document).digest('base64') },
      body: document,
    },
  ]
}

function cappedOf(bucket: string, key: string): Wanted[] {
  const path = `/${bucket}/${key}`
  const body = contentOf(bucket, key)
  const headers = { 'content-type': 'text/plain' }
  const query = [
    ['X-Cutty-Content-Type', 'text/plain'],
    ['X-Cutty-Id', 'a-link'],
    ['X-Cutty-Max-Bytes', String(body.length)],
  ] as const
  return [
    { method: 'PUT', path, headers, body, query },
    { method: 'GET', path, query: [['X-Cutty-Cache', 'public']] },
  ]
}

function byHeader(signer: Signer, { method, path, query = [], headers = {}, body = none }: Wanted): Message {
  const encoded = query.map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`).join('&')
  const signed = signRequest({
    method,
    host,
    path: encodePath(path),
    query: encoded,
    headers,
    payload: sha256(body),
    signedAtMs: signer.nowMs,
    region,
    accessKey: signer.accessKey,
    signingKeys: signer.signingKeys,
  })
  const target = encoded === '' ? encodePath(path) : `${encodePath(path)}?${encoded}`
  return { method, target, headers: { host, ...headers, ...signed.headers }, body }
}

function byQuery(signer: Signer, { method, path, query = [], headers = {}, body = none }: Wanted): Message {
  const url = signUrl({
    method,
    scheme: 'https',
    host,
    path,
    query,
    headers,
    // Of the content, where there is one: or anybody might send another.
    ...(body.length > 0 && { payload: sha256(body) }),
    signedAtMs: signer.nowMs,
    expiresSeconds: 3600,
    region,
    accessKey: signer.accessKey,
    signingKeys: signer.signingKeys,
  })
  return { method, target: url.slice(`https://${host}`.length), headers: { host, ...headers }, body }
}

function byChunks(signer: Signer, bucket: string, key: string): Origin[] {
  const data = contentOf(bucket, key)
  const kinds = [
    { payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', trailer: false },
    { payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', trailer: true },
    { payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', trailer: true },
  ]
  return kinds.map(({ payload, trailer }) => {
    const path = encodePath(`/${bucket}/${key}`)
    const headers = {
      'content-type': 'text/plain',
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(data.length),
      ...(trailer && { 'x-amz-trailer': 'x-amz-checksum-crc32c' }),
    }
    const { accessKey, nowMs: signedAtMs, signingKeys } = signer
    const signed = signRequest({
      method: 'PUT',
      host,
      path,
      headers,
      payload,
      signedAtMs,
      region,
      accessKey,
      signingKeys,
    })
    const signing = payload.includes('UNSIGNED') ? undefined : signed.chunks
    const body = formatChunks(writeChunks(data, { chunkBytes: 300, signing, trailer }))
    const message = { method: 'PUT', target: path, headers: { host, ...headers, ...signed.headers }, body }
    return { kind: 'chunks', name: payload, message }
  })
}

function makeForm(signer: Signer, bucket: string, key: string): Origin {
  const file = contentOf(bucket, key)
  const { accessKey, nowMs: signedAtMs } = signer
  const named = policyFields({ accessKeyId: accessKey.accessKeyId, region, signedAtMs })
  const policy: Policy = {
    expiration: new Date(signedAtMs + 3_600_000).toISOString(),
    conditions: [
      { bucket },
      ['eq', '$key', key],
      ['starts-with', '$Content-Type', 'text/'],
      ['content-length-range', 1, file.length],
      { 'x-amz-meta-note': 'as it was written' },
      ['starts-with', '$success_action_status', ''],
      ...Object.entries(named).map(([name, value]) => ({ [name]: value })),
    ],
  }
  const fields = [
    ['key', key],
    ['Content-Type', 'text/plain'],
    ['x-amz-meta-note', 'as it was written'],
    ['success_action_status', '201'],
    ['x-ignore-this', 'whatever'],
    ...Object.entries(named),
    ...signedFields(signer, encodePolicy(policy)),
  ] as const
  const form: Form = { bucket, fields, fileName: 'file.txt', file, fieldsAfter: [] }
  return { kind: 'form', name: 'form', form, policy }
}

export function encodePolicy(policy: unknown): string {
  return Buffer.from(JSON.stringify(policy)).toString('base64')
}

/** Its fields of a policy in base64. */
export function signedFields(signer: Signer, policy: string): (readonly [string, string])[] {
  const { accessKey, nowMs: signedAtMs, signingKeys } = signer
  return [
    ['policy', policy],
    ['x-amz-signature', signPolicy({ policy, region, signedAtMs, accessKey, signingKeys })],
  ]
}

export const boundary = 'fuzz-7MA4YWxkTrZu0gW'

export function messageOfForm({ bucket, fields, fileName, file, fieldsAfter }: Form): Message {
  const asPart = ([name, value]: readonly [string, string]) =>
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
  const fileHead = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\n`
  const body = Buffer.concat([
    ...fields.map(asPart),
    Buffer.from(`${fileHead}Content-Type: application/octet-stream\r\n\r\n`),
    file,
    Buffer.from('\r\n'),
    ...fieldsAfter.map(asPart),
    Buffer.from(`--${boundary}--\r\n`),
  ])
  const headers = { host, 'content-type': `multipart/form-data; boundary=${boundary}` }
  return { method: 'POST', target: `/${bucket}`, headers, body }
}
