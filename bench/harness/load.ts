/**
 * The load generator's process: reads a {@link LoadJob} from standard input, runs it, and prints a
 * {@link LoadResult}.
 */
import { text } from 'node:stream/consumers'
import { generateBytes } from './bytes.ts'
import { openConnection, requestHead } from './connection.ts'
import { createHistogram } from './histogram.ts'
import { digitsOf, filesOf } from './load-job.ts'
import { signedPutSource } from './signed-puts.ts'
import type { Connection } from './connection.ts'
import type { GetWork, LoadJob, LoadResult, PutWork } from './load-job.ts'
import type { Request, RequestSource } from './request-source.ts'

/** Comparing this much of each piece costs less than a microsecond; small bodies are compared whole. */
const comparedBytesMax = 4096
const errorsMax = 100
const drainMsMax = 20_000

async function runLoad(job: LoadJob): Promise<LoadResult> {
  const source = sourceOf(job)
  const tally = createTally(job)
  const queue = createQueue(job)
  const lines = await Promise.all(
    Array.from({ length: job.connections }, (_, slot) =>
      openLine({ job, tally, next: () => source.next(slot), onFree: queue.onFree }),
    ),
  )
  const measureUntil = tally.begin()

  let cpuAtStart = process.cpuUsage()
  setTimeout(() => (cpuAtStart = process.cpuUsage()), job.warmupSeconds * 1000)
  for (const line of lines) queue.onFree(line)
  if (job.ratePerSecond !== undefined) await sendAtRate(job.ratePerSecond, measureUntil, queue.add)
  await until(() => performance.now() >= measureUntil || tally.errors > errorsMax)
  const cpu = process.cpuUsage(cpuAtStart)

  queue.close()
  const unanswered = () => queue.waiting + lines.filter((line) => line.busy).length
  await until(() => unanswered() === 0 || performance.now() > measureUntil + drainMsMax)
  if (unanswered() > 0) tally.report(`${unanswered()} requests without an answer`)
  return tally.result({
    cpuShare: (cpu.user + cpu.system) / 1e6 / job.seconds,
    nextNumber: source.nextNumber,
  })
}

function sourceOf(job: LoadJob): RequestSource {
  const { work } = job
  if (work.method === 'GET') return getSource(job, work)
  return work.signedWith
    ? signedPutSource(job, { ...work, signedWith: work.signedWith })
    : putSource(job, work)
}

/** What has been answered, well or not. Only the measured seconds count, but errors always. */
interface Tally {
  /** Warm-up starts now; the answer is when measuring ends, by `performance.now()`. */
  begin(): number
  received(bytes: number): void
  answered(request: Request, intendedAt: number): void
  report(error: string): void
  readonly errors: number
  result(rest: Pick<LoadResult, 'cpuShare' | 'nextNumber'>): LoadResult
}

function createTally(job: LoadJob): Tally {
  const latencyUs = createHistogram()
  const errorSamples: string[] = []
  let errors = 0
  let requests = 0
  let requestsInAll = 0
  let bodyBytes = 0
  let measureFrom = Infinity
  let measureUntil = Infinity
  const isMeasured = (at: number) => at >= measureFrom && at < measureUntil
  const milliseconds = (percent: number) => latencyUs.percentile(percent) / 1000

  return {
    begin() {
      measureFrom = performance.now() + job.warmupSeconds * 1000
      measureUntil = measureFrom + job.seconds * 1000
      return measureUntil
    },
    received(bytes) {
      if (isMeasured(performance.now())) bodyBytes += bytes
    },
    answered(request, intendedAt) {
      const now = performance.now()
      requestsInAll += 1
      if (isMeasured(now)) {
        requests += 1
        bodyBytes += request.sentBytes
      }
      // Of an open loop all that was due in the window counts, however late the answer is.
      if (isMeasured(job.ratePerSecond === undefined ? now : intendedAt)) {
        latencyUs.record((now - intendedAt) * 1000)
      }
    },
    report(error) {
      errors += 1
      if (errorSamples.length < 5) errorSamples.push(error)
    },
    get errors() {
      return errors
    },
    result: (rest) => ({
      requests,
      requestsInAll,
      seconds: job.seconds,
      perSecond: requests / job.seconds,
      mibPerSecond: bodyBytes / 2 ** 20 / job.seconds,
      latencyMs: {
        p50: milliseconds(50),
        p90: milliseconds(90),
        p99: milliseconds(99),
        max: latencyUs.max / 1000,
      },
      errors,
      errorSamples,
      ...rest,
    }),
  }
}

/** A connection, opened again when it breaks, and the request that is on it. */
interface Line {
  send(intendedAt: number): void
  readonly busy: boolean
}

interface LineOptions {
  readonly job: LoadJob
  readonly tally: Tally
  readonly next: () => Request
  /** The line's request was answered, or failed. */
  readonly onFree: (line: Line) => void
}

async function openLine({ job, tally, next, onFree }: LineOptions): Promise<Line> {
  let request: Request | undefined
  let intendedAt = 0
  let wrongBytes = false

  const open = (): Promise<Connection> =>
    openConnection({
      host: job.host,
      port: job.port,
      onBody(bytes, start, end, offset) {
        const expected = request?.body
        if (!expected) return
        tally.received(end - start)
        const length = Math.min(end - start, comparedBytesMax)
        if (bytes.compare(expected, offset, offset + length, start, start + length) !== 0) wrongBytes = true
      },
      onEnd(status, length) {
        if (!request) return tally.report(`an answer (${status}) that nobody asked for`)
        if (status !== request.status) tally.report(`status ${status}`)
        else if (request.body && length !== request.body.length) tally.report(`length ${length}`)
        else if (wrongBytes) tally.report('wrong bytes')
        else tally.answered(request, intendedAt)
        free()
      },
      onFailure(reason) {
        tally.report(reason)
        request = undefined
        if (tally.errors <= errorsMax) void reopen()
      },
    })

  async function reopen(): Promise<void> {
    try {
      connection = await open()
      free()
    } catch (error) {
      tally.report(String(error))
    }
  }

  function free(): void {
    request = undefined
    wrongBytes = false
    onFree(line)
  }

  let connection = await open()
  const line: Line = {
    send(at) {
      intendedAt = at
      request = next()
      connection.send(request.bytes)
    },
    get busy() {
      return request !== undefined
    },
  }
  return line
}

/** Which line sends what, when. */
interface Queue {
  readonly onFree: (line: Line) => void
  /** A request is due (open loop): it is sent now, or when a line is free. */
  readonly add: (intendedAt: number) => void
  /** Nothing more is sent but what is due already. */
  close(): void
  readonly waiting: number
}

function createQueue(job: LoadJob): Queue {
  const idle: Line[] = []
  const due: number[] = []
  let open = true
  return {
    onFree(line) {
      if (job.ratePerSecond === undefined) {
        if (open) line.send(performance.now())
        return
      }
      const intendedAt = due.shift()
      if (intendedAt === undefined) idle.push(line)
      else line.send(intendedAt)
    },
    add(intendedAt) {
      const line = idle.pop()
      if (line) line.send(intendedAt)
      else due.push(intendedAt)
    },
    close() {
      open = false
    },
    get waiting() {
      return due.length
    },
  }
}

function getSource(job: LoadJob, work: GetWork): RequestSource {
  const files = Array.from(filesOf(work.files), ({ path, content }) => ({
    path,
    body: generateBytes(content),
  }))
  const targets = work.targets ?? files.map(({ path }) => path)
  const host = `${job.host}:${job.port}`
  const requests: Request[] = targets.map((path, index) => ({
    bytes: Buffer.from(requestHead({ method: 'GET', path, host, headers: job.headers })),
    status: 200,
    body: files[index % files.length]!.body,
    sentBytes: 0,
  }))
  let turn = 0
  return {
    next() {
      turn = (turn + 1) % requests.length
      return requests[turn]!
    },
    nextNumber: 0,
  }
}

function putSource(job: LoadJob, work: PutWork): RequestSource {
  const head = requestHead({
    method: 'PUT',
    path: work.path.replace('{n}', digitsOf(0)),
    host: `${job.host}:${job.port}`,
    headers: job.headers,
    bodyBytes: work.content.sizeBytes,
  })
  const digitsAt = 'PUT '.length + work.path.indexOf('{n}')
  const template = Buffer.concat([Buffer.from(head), generateBytes(work.content)])
  const requests: Request[] = Array.from({ length: job.connections }, () => ({
    bytes: Buffer.from(template),
    status: 201,
    body: undefined,
    sentBytes: work.content.sizeBytes,
  }))
  let number = work.firstNumber
  return {
    next(slot) {
      const request = requests[slot]!
      const digits = digitsOf(number)
      number += 1
      request.bytes.write(digits, digitsAt, 'latin1')
      request.bytes.write(digits, head.length, 'latin1')
      return request
    },
    get nextNumber() {
      return number
    },
  }
}

/** Calls `send` once for each request when it is due. Turns without sleeping: a timer is a millisecond late. */
async function sendAtRate(perSecond: number, untilMs: number, send: (at: number) => void): Promise<void> {
  const stepMs = 1000 / perSecond
  let next = performance.now()
  while (next < untilMs) {
    const now = performance.now()
    for (; next <= now && next < untilMs; next += stepMs) send(next)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

const result = await runLoad(JSON.parse(await text(process.stdin)) as LoadJob)
process.stdout.write(JSON.stringify(result), () => process.exit(0))
