import type { S3Call } from './operation.ts'

/**
 * Where clients find an object, whose encoded path is given: at the public origin, if one is known and the bucket is no host of its
 * own.
 */
export function objectLocation(
  { request, isolated, signing }: Pick<S3Call, 'request' | 'isolated' | 'signing'>,
  path: string,
): string {
  const { publicOrigin } = signing
  const host = request.header('host')
  if (publicOrigin !== undefined && (!isolated || host === undefined))
    return new URL(publicOrigin).origin + path
  const scheme = publicOrigin?.startsWith('https:') ? 'https' : (request.scheme ?? 'http')
  return host === undefined ? path : `${scheme}://${host}${path}`
}
