export type SigV4Reason =
  /** Not of the form that Signature Version 4 asks for: a parameter is missing, given twice or not legible. */
  | 'malformed'
  /** Another scheme of AWS: Signature Version 2, or an asymmetric one of version 4. */
  | 'unsupported_algorithm'
  | 'missing_date'
  /** The credential's scope is for another service, or for another day than the request's date. */
  | 'wrong_scope'
  /** Signed in the header form at a time that is too far from ours. */
  | 'skewed'
  | 'expired'
  | 'not_yet_valid'
  | 'too_long_lived'
  /** A header that means something was sent, but is not covered by the signature: `headers` names it. */
  | 'unsigned_header'
  | 'missing_payload_hash'
  | 'unsupported_payload'
  | 'mismatch'

/** What we made of the request, for whoever signs it to compare. Neither holds a signature that would be right. */
export interface SigV4ErrorDetails {
  readonly canonicalRequest?: string
  readonly stringToSign?: string
  readonly headers?: readonly string[]
}

/** A signature that does not count, and why. The message may be shown to the client: it tells nothing of the secret. */
export class SigV4Error extends Error {
  override readonly name = 'SigV4Error'
  readonly reason: SigV4Reason
  readonly details: SigV4ErrorDetails

  constructor(reason: SigV4Reason, message: string, details: SigV4ErrorDetails = {}) {
    super(message)
    this.reason = reason
    this.details = details
  }
}
