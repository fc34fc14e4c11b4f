import { expect } from 'vitest'
import { fileShape } from '../../../src/http/api/schemas.ts'
import { reservedBucketNames } from '../../../src/core/files/names.ts'
import { routes } from '../../../src/http/rest.ts'
import { createRouter } from '../../../src/http/route.ts'
import type { HttpAnswer, HttpCredentials, HttpInit, HttpSubject } from './subject.ts'

/** Who a request is from: an access key, a token, or nobody. */
export type Identity = HttpCredentials | { readonly token: string } | undefined

export interface CallInit extends Omit<HttpInit, 'body'> {
  readonly as?: Identity
  readonly body?: HttpInit['body']
  /** Instead of a body. */
  readonly json?: unknown
}

export interface Answer extends HttpAnswer {
  readonly text: string
  header(name: string): string | undefined
  // What a test expects it to be: the shape has been checked against the route's schema.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  json<T = Record<string, unknown>>(): T
}

export type Client = ReturnType<typeof createClient>

/**
 * A client that holds every answer against what the API promises of all of them: a request id, `nosniff`, a body that
 * fits the schema of its route, and problem details where something went wrong.
 */
export function createClient(subject: Pick<HttpSubject, 'fetch'>) {
  const call = async (method: string, target: string, init: CallInit = {}): Promise<Answer> => {
    const { as, json, ...rest } = init
    const headers: Record<string, string> = { ...authorization(as), ...rest.headers }
    if (json !== undefined) headers['Content-Type'] ??= 'application/json'
    const body = json === undefined ? rest.body : JSON.stringify(json)
    const answer = readAnswer(await subject.fetch(target, { method, headers, body }))
    checkAnswer(method, target, answer)
    return answer
  }
  const file = (method: string) => (bucket: string, key: string, init?: CallInit) =>
    call(method, filePath(bucket, key), init)
  return {
    call,
    put: (bucket: string, key: string, body: HttpInit['body'], init?: CallInit) =>
      call('PUT', filePath(bucket, key), { ...init, body }),
    get: file('GET'),
    head: file('HEAD'),
    delete: file('DELETE'),
    patch: file('PATCH'),
    info: (bucket: string, key: string, init?: CallInit) =>
      call('GET', `/api/v1/buckets/${bucket}/files?info&key=${encodeURIComponent(key)}`, init),
    list: (bucket: string, query: Record<string, string | number>, init?: CallInit) =>
      call('GET', `/api/v1/buckets/${bucket}/files?${formatQuery(query)}`, init),
  }
}

export function authorization(as: Identity): Record<string, string> {
  if (as === undefined) return {}
  if ('token' in as) return { Authorization: `Bearer ${as.token}` }
  return { Authorization: `Basic ${btoa(`${as.accessKeyId}:${as.secretAccessKey}`)}` }
}

/** In the path where it can be, else in the query: clients fold `.` and `..` of a path away. */
export function filePath(bucket: string, key: string): string {
  const segments = key.split('/')
  const base = `/api/v1/buckets/${bucket}/files`
  return key === '' || segments.some((segment) => segment === '.' || segment === '..')
    ? `${base}?key=${encodeURIComponent(key)}`
    : `${base}/${segments.map(encodeURIComponent).join('/')}`
}

export function formatQuery(query: Record<string, string | number>): string {
  return Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
}

function readAnswer(answer: HttpAnswer): Answer {
  const text = new TextDecoder().decode(answer.bytes)
  return {
    ...answer,
    text,
    header: (name) => answer.headers.get(name),
    json: () => JSON.parse(text) as never,
  }
}

const findRoute = createRouter(routes)

/** RFC 9211, as far as it is used. */
const cacheStatus = /^cutty; (hit|fwd=(method|bypass|miss)(; stored)?)(; collapsed)?(; detail="[a-z= ]+")?$/
const serverTiming = /^((rows|bytes);dur=\d+(\.\d+)?, )*total;dur=\d+(\.\d+)?$/

function checkAnswer(method: string, target: string, answer: Answer): void {
  const { status, bytes } = answer
  expect(answer.header('x-request-id'), `request id of ${method} ${target}`).toMatch(/^[\w-]{8,64}$/)
  expect(answer.header('x-content-type-options')).toBe('nosniff')
  expect(answer.header('cache-status'), 'Cache-Status (R34)').toMatch(cacheStatus)
  expect(answer.header('server-timing'), 'Server-Timing').toMatch(serverTiming)
  for (const [name, value] of answer.headers) expect(value, name).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/)
  if (status === 204 || status === 304 || method === 'HEAD') expect(bytes.length, 'a body').toBe(0)
  else expect(answer.header('content-length') ?? String(bytes.length)).toBe(String(bytes.length))
  if (status >= 400) return isOfRest(target) ? checkProblem(method, answer) : checkS3Error(method, answer)
  checkShape(method, target, answer)
}

/** All else is S3's. */
function isOfRest(target: string): boolean {
  return reservedBucketNames.has(/^\/([^/?]*)/.exec(target)?.[1] ?? '')
}

function checkS3Error(method: string, answer: Answer): void {
  expect(answer.header('content-type')).toBe('application/xml')
  if (method === 'HEAD') return
  const id = answer.header('x-amz-request-id') as string
  expect(answer.text).toMatch(/^<\?xml .*\?>\n<Error><Code>[A-Z]\w+<\/Code><Message>[^<]+<\/Message>/)
  expect(answer.text).toContain(`<RequestId>${id}</RequestId>`)
}

/** RFC 9457, with a stable code and nothing of the inside. */
function checkProblem(method: string, answer: Answer): void {
  expect(answer.header('content-type')).toBe('application/problem+json')
  expect(answer.header('cache-control')).toBe('no-store')
  if (answer.status === 401) expect(answer.header('www-authenticate')).toMatch(/^Basic /)
  if (answer.status === 405) expect(answer.header('allow')).toMatch(/^[A-Z]+(, [A-Z]+)*$/)
  if (method === 'HEAD') return
  const problem = answer.json()
  expect(problem).toMatchObject({
    type: `/api/v1/docs#error-${problem['code'] as string}`,
    title: expect.any(String) as string,
    status: answer.status,
    code: expect.stringMatching(/^[a-z_]+$/) as string,
    detail: expect.stringMatching(/\S\.$/) as string,
    requestId: answer.header('x-request-id'),
  })
  expect(answer.text).not.toMatch(/sqlite|node:|\.ts\b|constraint|at \w+ \(|ENO|EACC/i)
}

function checkShape(method: string, target: string, answer: Answer): void {
  if (method === 'HEAD' || answer.status === 304) return
  const [path = '', query = ''] = target.split('?', 2)
  const { route } = findRoute(method, path)
  const names = query.split('&').map((pair) => pair.split('=', 1)[0])
  const ofFile = route.method === 'GET' && (path.includes('/files/') || names.includes('key'))
  // A file's own content, unless its description was asked for.
  if (ofFile && !names.includes('info')) return
  const schema = ofFile ? fileShape : route.responses[answer.status]?.schema
  expect(Object.keys(route.responses), `${method} ${route.path} declares`).toContain(String(answer.status))
  if (!schema) return
  expect(answer.header('content-type')).toBe('application/json')
  const value = answer.json<unknown>()
  // Parsing drops what the schema does not know: nothing may be missing afterwards.
  expect(schema.parse(value)).toEqual(value)
}
