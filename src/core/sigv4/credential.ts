import { SigV4Error } from './errors.ts'

/** Whose key signed, and what its derived key is good for. */
export interface Credential {
  readonly accessKeyId: string
  /** The day, `YYYYMMDD`. */
  readonly date: string
  readonly region: string
  /** `s3`: what AWS calls the service. */
  readonly api: string
}

/** An access key and its secret. */
export interface AccessKey {
  readonly accessKeyId: string
  readonly secret: string
}

export const algorithm = 'AWS4-HMAC-SHA256'

/** As long as the longest access key id of AWS. Both end up in texts of lines, so nothing but visible ASCII. */
const name = /^[!-.0-~]{1,128}$/
const day = /^\d{8}$/
const signature = /^[0-9a-f]{64}$/

/** Reads `accessKeyId/date/region/service/aws4_request`. Any region will do: cutty has none. */
export function parseCredential(text: string, expectedApi: string): Credential {
  const parts = text.split('/')
  const [accessKeyId = '', date = '', region = '', api = '', terminator = ''] = parts
  if (parts.length !== 5 || !name.test(accessKeyId) || !day.test(date) || !name.test(region)) {
    throw new SigV4Error(
      'malformed',
      'The credential must have the form <access key id>/YYYYMMDD/REGION/SERVICE/aws4_request.',
    )
  }
  if (api !== expectedApi || terminator !== 'aws4_request') {
    throw new SigV4Error('wrong_scope', `The credential's scope must end in /${expectedApi}/aws4_request.`)
  }
  return { accessKeyId, date, region, api }
}

export function formatCredential(credential: Credential): string {
  return `${credential.accessKeyId}/${formatScope(credential)}`
}

export function formatScope({ date, region, api }: Omit<Credential, 'accessKeyId'>): string {
  return `${date}/${region}/${api}/aws4_request`
}

/** The signature as it was sent. In lower case only, since that text goes into the signatures of chunks. */
export function checkSignatureForm(text: string): string {
  if (!signature.test(text)) {
    throw new SigV4Error('malformed', 'The signature must be 64 hexadecimal digits in lower case.')
  }
  return text
}

/** `wrong_scope` unless the credential is of the day on which the request was signed. */
export function checkScopeDate({ date }: Credential, amzDate: string): void {
  if (!amzDate.startsWith(date)) {
    throw new SigV4Error(
      'wrong_scope',
      `The credential's date ${date} is not the day of the request, ${amzDate}.`,
    )
  }
}
