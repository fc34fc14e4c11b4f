import { createHash } from 'node:crypto'
import { signRequest } from '../../src/core/sigv4/sign-request.ts'
import { createSigningKeys } from '../../src/core/sigv4/signing-keys.ts'
import { generateBytes } from './bytes.ts'
import { requestHead } from './connection.ts'
import { digitsOf } from './load-job.ts'
import type { LoadJob, PutWork } from './load-job.ts'
import type { Request, RequestSource } from './request-source.ts'

/** More than any server here answers; what comes after them is signed when it is sent. */
const signedAheadPerSecond = 6_000

const hexBytes = 64

/**
 * PUTs to S3 of bodies that are all different, each signed with its hash. Signing takes longer than sending, so hashes and
 * signatures are made before the first request: all else of two requests differs in digits at known places.
 */
export function signedPutSource(
  job: LoadJob,
  work: PutWork & Required<Pick<PutWork, 'signedWith'>>,
): RequestSource {
  const host = `${job.host}:${job.port}`
  const body = generateBytes(work.content)
  const signedAtMs = Date.now()
  const signingKeys = createSigningKeys()

  /** The headers of a request, whose body is in `body` then. */
  function sign(number: number) {
    body.write(digitsOf(number), 0, 'latin1')
    return signRequest({
      method: 'PUT',
      host,
      path: work.path.replace('{n}', digitsOf(number)),
      headers: job.headers,
      payload: createHash('sha256').update(body).digest('hex'),
      signedAtMs,
      region: 'us-east-1',
      accessKey: work.signedWith,
      signingKeys,
    }).headers
  }

  /** A hash and a signature, 128 digits of each request. */
  function digitsToWrite(number: number): string {
    const { 'x-amz-content-sha256': hash, authorization } = sign(number)
    return `${hash}${authorization!.slice(-hexBytes)}`
  }

  const aheadCount = Math.ceil((job.warmupSeconds + job.seconds) * signedAheadPerSecond)
  const ahead = Buffer.alloc(aheadCount * 2 * hexBytes)
  for (let index = 0; index < aheadCount; index += 1) {
    ahead.write(digitsToWrite(work.firstNumber + index), index * 2 * hexBytes, 'latin1')
  }

  const head = requestHead({
    method: 'PUT',
    path: work.path.replace('{n}', digitsOf(work.firstNumber)),
    host,
    headers: { ...job.headers, ...sign(work.firstNumber) },
    bodyBytes: body.length,
  })
  const keyAt = 'PUT '.length + work.path.indexOf('{n}')
  const hashAt = head.indexOf('x-amz-content-sha256: ') + 'x-amz-content-sha256: '.length
  const signatureAt = head.indexOf('Signature=') + 'Signature='.length
  const template = Buffer.concat([Buffer.from(head), body])
  const requests: Request[] = Array.from({ length: job.connections }, () => ({
    bytes: Buffer.from(template),
    status: 200,
    body: undefined,
    sentBytes: body.length,
  }))

  let number = work.firstNumber
  return {
    next(slot) {
      const request = requests[slot]!
      const { bytes } = request
      const index = number - work.firstNumber
      if (index >= aheadCount) ahead.write(digitsToWrite(number), 0, 'latin1')
      const from = index < aheadCount ? index * 2 * hexBytes : 0
      ahead.copy(bytes, hashAt, from, from + hexBytes)
      ahead.copy(bytes, signatureAt, from + hexBytes, from + 2 * hexBytes)
      bytes.write(digitsOf(number), keyAt, 'latin1')
      bytes.write(digitsOf(number), head.length, 'latin1')
      number += 1
      return request
    },
    get nextNumber() {
      return number
    },
  }
}
