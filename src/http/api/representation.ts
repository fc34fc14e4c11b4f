import { codecs } from '../../core/compression/codecs.ts'
import { CuttyError } from '../../core/errors.ts'
import { codedBytes } from '../../core/files/blob.ts'
import type { BlobRef, FileRecord } from '../../core/files/file.ts'
import type { HttpRequest } from '../exchange.ts'
import { type AcceptEncoding, parseAcceptEncoding } from '../headers/accept-encoding.ts'
import type { FileForm } from '../headers/etag.ts'

/** Which form of a file a reply carries: RFC 9110 §12.5.3, R12 to R16. */
export interface Representation {
  /** `identity`, or the stored coding passed through. */
  readonly form: FileForm
  readonly sizeBytes: number
  /** Whether another request could get another form, so that caches must tell them apart (R13). */
  readonly varies: boolean
}

/**
 * A file that the client encoded itself has one form, which is the client's business (R16). Otherwise the stored coding
 * goes out where the client would rather have it. Throws `not_acceptable` for a client that refuses all there is.
 */
export function selectRepresentation(request: HttpRequest, { blob, headers }: FileRecord): Representation {
  const identity = { form: 'identity', sizeBytes: blob.sizeBytes } as const
  const coding = headers.contentEncoding === undefined ? contentCodingOf(blob) : undefined
  if (coding === undefined) return { ...identity, varies: false }

  const accept = parseAcceptEncoding(request.header('accept-encoding'))
  const coded = { form: coding, sizeBytes: codedBytes(blob), varies: true }
  if (!accept.identityAcceptable) {
    if (accept.accepts(coding) > 0) return coded
    throw new CuttyError('not_acceptable', `The file can be had as ${coding} or as it is (identity).`, {
      extras: { headers: { Vary: 'Accept-Encoding' }, codings: [coding, 'identity'] },
    })
  }
  const prefersCoded = wantsCoding(accept, coding) && !needsIdentity(request)
  return prefersCoded ? coded : { ...identity, varies: true }
}

function contentCodingOf({ codec }: BlobRef) {
  return codec === 'identity' ? undefined : codecs[codec].contentCoding
}

/** By weight; where they weigh the same, only what the client lists: `*` comes from scripts that decode nothing. */
function wantsCoding(accept: AcceptEncoding, coding: string): boolean {
  const weight = accept.accepts(coding)
  const ofIdentity = accept.accepts('identity')
  return weight > 0 && (weight > ofIdentity || (weight === ofIdentity && accept.lists(coding)))
}

/** A range is cut from identity (R7), and only identity's digest is known (RFC 9530 §3: that of the selected form). */
function needsIdentity(request: HttpRequest): boolean {
  const ranged = request.method === 'GET' && request.header('range') !== undefined
  return ranged || request.header('want-repr-digest') !== undefined
}
