import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { concatBytes } from '../../core/bytes.ts'
import { createChecksum, parseChecksumValue } from '../../core/checksums/checksum.ts'
import { CuttyError } from '../../core/errors.ts'
import type { DigestName } from '../../core/files/body.ts'
import type { PutRequest } from '../../core/files/put.ts'
import { limits } from '../../core/limits.ts'
import { parseContentMd5 } from '../headers/digest.ts'
import { decodeAwsChunked } from './aws-chunked.ts'
import {
  checksumHeader,
  type DeclaredChecksum,
  invalidValue,
  readDeclaredChecksum,
} from './checksum-headers.ts'
import type { S3Call } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { readXml, type XmlElement, XmlError } from './xml-read.ts'

/** The content of a request, and all that it must turn out to be. */
export type Payload = Pick<PutRequest, 'body' | 'sizeBytes' | 'digests' | 'checksum'>

/** The content without the framing of aws-chunked. What the client declared is held against it by who reads it to its end. */
export function openPayload({ request, identity }: Pick<S3Call, 'request' | 'identity'>): Payload {
  const digests = new Map<DigestName, Uint8Array>()
  const contentMd5 = request.header('content-md5')
  if (contentMd5 !== undefined) digests.set('md5', parseContentMd5(contentMd5))
  const declared = readDeclaredChecksum(request)
  const { payload } = identity
  if (payload.kind === 'hash') digests.set('sha-256', Buffer.from(payload.sha256, 'hex'))

  if (payload.kind !== 'chunks') {
    if (declared && !declared.digest) {
      throw new S3Error('InvalidRequest', 'A trailer needs a content of aws-chunked.')
    }
    return {
      body: request.body,
      sizeBytes: request.bodyBytes,
      digests,
      checksum: declared && checksumRequest(declared, () => undefined),
    }
  }

  const sizeBytes = decodedLength(request.header('x-amz-decoded-content-length'))
  const chunks = decodeAwsChunked(request.body, {
    signing: payload.signed ? identity.chunkSigning : undefined,
    trailers: payload.trailers && declared ? [checksumHeader(declared.algorithm)] : undefined,
    decodedBytes: sizeBytes,
  })
  return {
    body: chunks.body,
    sizeBytes,
    digests,
    checksum: declared && checksumRequest(declared, (name) => chunks.trailers().get(name)),
  }
}

function checksumRequest(
  { algorithm, digest }: DeclaredChecksum,
  trailer: (name: string) => string | undefined,
): NonNullable<PutRequest['checksum']> {
  return {
    algorithm,
    type: 'FULL_OBJECT',
    expected: () => {
      if (digest) return digest
      const parsed = parseChecksumValue(algorithm, trailer(checksumHeader(algorithm)) ?? '')
      if (!parsed) throw invalidValue(algorithm)
      return parsed
    },
  }
}

function decodedLength(value: string | undefined): number {
  if (value === undefined) {
    throw new S3Error('MissingContentLength', 'aws-chunked needs x-amz-decoded-content-length.')
  }
  if (/^\d{1,15}$/.test(value)) return Number(value)
  throw new S3Error('InvalidArgument', 'x-amz-decoded-content-length must be a whole number.')
}

/** A small content, all of it, once it has been found to be what was declared. Throws `MalformedXML` for a larger one. */
export async function readPayload(call: Pick<S3Call, 'request' | 'identity'>): Promise<Uint8Array> {
  const { body, sizeBytes, digests, checksum } = openPayload(call)
  const tooLarge = () =>
    new S3Error('MalformedXML', `The document may have at most ${limits.jsonBodyBytesMax} bytes.`)
  if ((sizeBytes ?? 0) > limits.jsonBodyBytesMax) throw tooLarge()
  const chunks: Uint8Array[] = []
  let received = 0
  for await (const chunk of body) {
    received += chunk.length
    if (received > limits.jsonBodyBytesMax) throw tooLarge()
    chunks.push(new Uint8Array(chunk))
  }
  if (sizeBytes !== undefined && received !== sizeBytes) throw new CuttyError('body_size_mismatch')
  const content = concatBytes(chunks)
  const expected = [
    { algorithm: 'sha-256', hash: 'sha256', digest: digests?.get('sha-256') },
    { algorithm: 'md5', hash: 'md5', digest: digests?.get('md5') },
  ]
  for (const { algorithm, hash, digest } of expected) {
    if (!digest || createHash(hash).update(content).digest().equals(digest)) continue
    throw new CuttyError('digest_mismatch', undefined, { extras: { algorithm } })
  }
  if (checksum) {
    const computed = createChecksum(checksum.algorithm)
    computed.update(content)
    if (Buffer.compare(computed.digest(), checksum.expected() ?? new Uint8Array(0)) !== 0) {
      throw new CuttyError('digest_mismatch', undefined, { extras: { algorithm: checksum.algorithm } })
    }
  }
  return content
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The document of a request, whose root must be `root`. */
export async function readXmlPayload(
  call: Pick<S3Call, 'request' | 'identity'>,
  root: string,
): Promise<XmlElement> {
  const content = await readPayload(call)
  if (content.length === 0) throw new S3Error('MissingRequestBodyError', `A ${root} document is missing.`)
  let element: XmlElement
  try {
    element = readXml(utf8.decode(content))
  } catch (cause) {
    const why = cause instanceof XmlError ? `: ${cause.message}` : ''
    throw new S3Error('MalformedXML', `The document cannot be read${why}.`, { cause })
  }
  if (element.name === root) return element
  throw new S3Error('MalformedXML', `The document must be a ${root}.`)
}
