import { CuttyError } from '../core/errors.ts'
import { codedBytes, contentCodingOf } from '../core/files/blob.ts'
import type { FileRecord } from '../core/files/file.ts'
import type { HttpRequest } from './exchange.ts'
import { type AcceptEncoding, parseAcceptEncoding } from './headers/accept-encoding.ts'
import type { FileForm } from './headers/etag.ts'

/** Which form of a file a reply carries: RFC 9110 §12.5.3, R12 to R16. */
export interface Representation {
  /** `identity`, or the stored coding passed through. */
  readonly form: FileForm
  readonly sizeBytes: number
  /** Request fields by which another request could get another form, so that caches tell them apart (R13). */
  readonly vary: string | undefined
}

/**
 * A file that the client encoded itself has one form, which is the client's business (R16). Otherwise the stored coding
 * goes out where the client would rather have it, and is known to read all of it. Throws `not_acceptable` for a client that
 * refuses all there is.
 */
export function selectRepresentation(request: HttpRequest, { blob, headers }: FileRecord): Representation {
  const coding = headers.contentEncoding === undefined ? contentCodingOf(blob) : undefined
  if (coding === undefined) return { form: 'identity', sizeBytes: blob.sizeBytes, vary: undefined }

  const severalFrames = coding === 'zstd' && blob.sizeBytes > blob.frameBytes
  const vary = severalFrames ? 'Accept-Encoding, Sec-Fetch-Mode' : 'Accept-Encoding'
  const identity: Representation = { form: 'identity', sizeBytes: blob.sizeBytes, vary }
  const coded: Representation = { form: coding, sizeBytes: codedBytes(blob), vary }

  const accept = parseAcceptEncoding(request.header('accept-encoding'))
  const readsAll = !severalFrames || readsSeveralFrames(request)
  if (!accept.identityAcceptable) {
    if (accept.accepts(coding) > 0 && readsAll) return coded
    throw new CuttyError('not_acceptable', `The file can be had as ${coding} or as it is (identity).`, {
      extras: { headers: { Vary: vary }, codings: [coding, 'identity'] },
    })
  }
  return wantsCoding(accept, coding) && readsAll && !needsIdentity(request) ? coded : identity
}

/** curl, which names the codings in an order of its own and tells nothing else about itself. */
const curlEncodings = 'deflate, gzip, br, zstd'

/**
 * Some clients that accept zstd stop after the first frame and take a part for the whole without a word; early releases of
 * urllib3 2 do, and name the codings just as browsers do. But Sec-Fetch-Mode is sent by browsers and Node's fetch only.
 * decisions/012.
 */
function readsSeveralFrames(request: HttpRequest): boolean {
  return request.header('sec-fetch-mode') !== undefined || request.header('accept-encoding') === curlEncodings
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
