import type { Core } from '../../core/core.ts'
import type { CorsRule } from '../../core/files/cors.ts'
import type { HttpReply, HttpRequest } from '../exchange.ts'
import type { Address } from './address.ts'
import { S3Error } from './s3-error.ts'

/** What the answer depends on, for caches. */
const vary = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method'

/**
 * Answers a browser that asks before it sends what a page wants sent (Fetch §3.3.2). It needs no signature, which browsers cannot
 * make: so of a bucket that is not there it says what it says of one without rules, and of one whose rules do not fit.
 */
export async function preflight(
  core: Core,
  { bucket, key }: Pick<Address, 'bucket' | 'key'>,
  request: HttpRequest,
): Promise<HttpReply> {
  const origin = request.header('origin')
  if (!origin) throw new S3Error('BadRequest', 'Insufficient information. Origin request header needed.')
  const method = request.header('access-control-request-method') ?? ''
  if (!corsMethods.has(method)) {
    throw new S3Error('BadRequest', `Invalid Access-Control-Request-Method: ${method}`)
  }
  const wanted = headerNames(request.header('access-control-request-headers'))
  const rules = await rulesOf(core, bucket)
  const rule = rules.find(
    (each) => isFor(each, { origin, method }) && wanted.every((name) => isAllowed(each, name)),
  )
  if (!rule) {
    throw new S3Error(
      'AccessForbidden',
      'CORSResponse: This CORS request is not allowed. Either CORS is not enabled for the bucket, or no rule of it allows ' +
        'the Origin, Access-Control-Request-Method and Access-Control-Request-Headers.',
      {
        elements: { Method: method, ResourceType: key === undefined ? 'BUCKET' : 'OBJECT' },
        headers: { Vary: vary },
      },
    )
  }
  const headers = headersOf(rule, origin)
  if (wanted.length > 0) headers['Access-Control-Allow-Headers'] = wanted.join(', ')
  return { status: 200, headers }
}

const corsMethods: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD'])

/** For the reply to a request that has an `Origin`, be it an error or not; `Vary` where no rule is for it. */
export async function corsHeaders(
  core: Core,
  bucket: string | undefined,
  request: HttpRequest,
): Promise<Record<string, string>> {
  const origin = request.header('origin') ?? ''
  const { method } = request
  const rules = await rulesOf(core, bucket)
  const rule = rules.find((each) => isFor(each, { origin, method }))
  return rule ? headersOf(rule, origin) : { Vary: vary }
}

/** Adds them to those of a reply, which may vary for other reasons already. */
export function addCorsHeaders(
  headers: Record<string, string>,
  cors: Readonly<Record<string, string>>,
): void {
  const { Vary: before } = headers
  Object.assign(headers, cors)
  if (before !== undefined && before !== cors['Vary']) headers['Vary'] = `${before}, ${cors['Vary']}`
}

const noRules: readonly CorsRule[] = []

async function rulesOf(core: Core, bucket: string | undefined): Promise<readonly CorsRule[]> {
  return (bucket ? await core.cors.read({ name: bucket }) : undefined) ?? noRules
}

function isFor(rule: CorsRule, { origin, method }: { origin: string; method: string }): boolean {
  return (
    rule.allowedMethods.includes(method) && rule.allowedOrigins.some((pattern) => matches(pattern, origin))
  )
}

function isAllowed({ allowedHeaders }: CorsRule, name: string): boolean {
  return allowedHeaders.some((pattern) => matches(pattern, name))
}

/** One `*` in a pattern stands for any text. */
function matches(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*')
  if (star < 0) return pattern === text
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)]
  return text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after)
}

function headerNames(list: string | undefined): string[] {
  const names = list?.split(',').map((name) => name.trim().toLowerCase())
  return names?.filter((name) => name !== '') ?? []
}

function headersOf(rule: CorsRule, origin: string): Record<string, string> {
  // To everybody alike: then no page may send what a browser holds of its user (Fetch §3.3.5).
  const isPublic = rule.allowedOrigins.includes('*')
  const headers: Record<string, string> = {
    'Access-Control-Allow-Origin': isPublic ? '*' : origin,
    'Access-Control-Allow-Methods': rule.allowedMethods.join(', '),
    Vary: vary,
  }
  if (!isPublic) headers['Access-Control-Allow-Credentials'] = 'true'
  if (rule.exposeHeaders.length > 0) headers['Access-Control-Expose-Headers'] = rule.exposeHeaders.join(', ')
  if (rule.maxAgeSeconds !== undefined) headers['Access-Control-Max-Age'] = String(rule.maxAgeSeconds)
  return headers
}
