import { type Case, type Field, pauseMs, type Step } from './case.ts'

/** What is under test: a cache in front of an origin, with a clock that only the case moves. */
export interface Engine {
  fetch(request: Request, origin: (request: Request) => Promise<Response>): Promise<Response>
  /** Until what goes on behind an answer is done. */
  settled?(): Promise<void>
}

const startMs = Date.UTC(2026, 10, 21, 12)
const conditions = { etag_validated: 'if-none-match', lm_validated: 'if-modified-since' } as const

interface Seen {
  readonly step: number
  readonly method: string
  readonly headers: Headers
}

/** What went otherwise than expected, or undefined. */
export async function runCase(
  { id, steps }: Case,
  createEngine: (clock: () => number) => Engine,
): Promise<string | undefined> {
  let nowMs = startMs
  const engine = createEngine(() => nowMs)
  const seen: Seen[] = []
  for (const [index, step] of steps.entries()) {
    const origin = async (request: Request): Promise<Response> => {
      seen.push({ step: index, method: request.method, headers: request.headers })
      await request.arrayBuffer()
      return reply({ request, step, before: steps[index - 1], index, id, nowMs })
    }
    let response: Response | undefined
    let text = ''
    try {
      response = await engine.fetch(requestOf(step, nowMs), origin)
      text = await response.text()
    } catch (error) {
      if (!step.broken) return `step ${index + 1}: ${String(error)}`
    }
    await engine.settled?.()
    const asked = seen.find((each) => each.step === index)
    const wrong = judge(step, { response, text, asked, index, id, nowMs })
    if (wrong !== undefined) return `step ${index + 1}: ${wrong}`
    if (step.pause) nowMs += pauseMs
  }
  return undefined
}

function requestOf(step: Step, nowMs: number): Request {
  const headers = new Headers([
    ['Pragma', 'foo'],
    ['Cache-Control', 'nothing-to-see-here'],
  ])
  for (const [name, value] of step.ask ?? []) headers.append(name, written(value, nowMs))
  const path = step.path ?? ''
  const url = `http://origin.test${path.startsWith('/') ? path : `/case${path}`}`
  return new Request(url, { method: step.method ?? 'GET', headers, body: step.askBody ?? null })
}

function written(value: string | number, nowMs: number): string {
  return typeof value === 'number' ? new Date(nowMs + value * 1000).toUTCString() : value
}

function reply(at: {
  request: Request
  step: Step
  before: Step | undefined
  index: number
  id: string
  nowMs: number
}): Response {
  const { request, step, before, index, id, nowMs } = at
  if (step.broken) throw new TypeError('The connection was closed')
  const headers = new Headers([['Server-Request-Count', String(index + 1)]])
  for (const [name, value] of step.reply ?? []) headers.append(name, written(value, nowMs))
  if (!headers.has('date')) headers.set('date', new Date(nowMs).toUTCString())
  if (!headers.has('content-type')) headers.set('content-type', 'text/plain')
  let status = step.status ?? 200
  if (step.expect === 'etag_validated' || step.expect === 'lm_validated') {
    const [validator, condition] =
      step.expect === 'etag_validated' ? ['etag', 'if-none-match'] : ['last-modified', 'if-modified-since']
    const stored = before?.reply?.find(([name]) => name.toLowerCase() === validator)?.[1]
    const sent = request.headers.get(condition)
    const expected = typeof stored === 'number' ? written(stored, nowMs - pauseMs) : stored
    const same = sent !== null && (sent === expected || sent === written(stored ?? '', nowMs))
    status = same ? 304 : 599
  }
  if (status === 304) {
    headers.delete('content-type')
    for (const [name, value] of step.reply ?? [])
      if (name === 'Content-Type') headers.set(name, value as string)
  }
  const empty = [204, 304].includes(status) || request.method === 'HEAD'
  const text = step.text ?? id
  // A stream, so that nothing makes up for a Content-Length.
  const body = new Response(text).body
  return new Response(empty ? null : body, { status, headers })
}

function judge(
  step: Step,
  at: {
    response: Response | undefined
    text: string
    asked: Seen | undefined
    index: number
    id: string
    nowMs: number
  },
): string | undefined {
  const { response, text, asked, index, id, nowMs } = at
  if (response === undefined) return step.expect === 'not_cached' ? undefined : 'no response'
  const count = Number(response.headers.get('server-request-count') ?? Number.NaN)
  if (step.expect === 'cached' && !(count < index + 1)) return 'does not come from the cache'
  if (step.expect === 'not_cached' && count !== index + 1 && response.ok) return 'comes from the cache'
  if (step.expect === 'etag_validated' || step.expect === 'lm_validated') {
    if (!asked) return 'was not validated'
    if (!asked.headers.has(conditions[step.expect])) return 'was not asked with a condition'
  }
  const status = step.expectStatus ?? step.status ?? 200
  if (response.status !== status) return `has status ${response.status}, not ${status}`
  for (const field of step.expectFields ?? []) {
    const value = response.headers.get(field[0])
    if (field.length === 3) {
      if (!(Number(value) > field[2])) return `${field[0]} is ${value}, not above ${field[2]}`
    } else if (value !== written(field[1], nowMs)) return `${field[0]} is ${value}, not ${field[1]}`
  }
  for (const name of step.expectMissing ?? []) if (response.headers.has(name)) return `has ${name}`
  const wanted = step.expectText ?? (step.text === undefined ? id : step.text)
  const bodiless = [204, 304, 504].includes(response.status) || step.method === 'HEAD'
  if (wanted !== null && !bodiless && text !== wanted) return `has the body ${JSON.stringify(text)}`
  if (step.expectMethod !== undefined && asked?.method !== step.expectMethod) return 'has another method'
  const sent = ([name, value]: Field) => asked?.headers.get(name) === value
  if (step.expectAsked?.some((field) => !sent(field))) return 'the origin was not asked as expected'
  if (step.expectNotAsked?.some(sent)) return 'the origin was asked with what it should not'
  return undefined
}
