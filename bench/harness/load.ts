/**
 * The load generator's process: reads a {@link LoadJob} from standard input, runs it, and prints a
 * {@link LoadResult}.
 */
import { text } from 'node:stream/consumers'
import { generateBytes } from './bytes.ts'
import { openConnection, requestHead } from './connection.ts'
import { createHistogram } from './histogram.ts'
import { digitsOf, filesOf } from './load-job.ts'
import type { Connection } from './connection.ts'
import type { GetWork, LoadJob, LoadResult, PutWork } from './load-job.ts'

/** A prepared request and what its answer must be. One per connection at a time: PUT writes into it. */
interface Request {
  readonly bytes: Buffer
  readonly status: number
  /** The body expected; `undefined` when any will do. */
  readonly body: Buffer | undefined
  readonly sentBytes: number
}

interface RequestSource {
  /** The next request for connection number `slot`. */
  next(slot: number): Request
  readonly nextNumber: number
}

/** Comparing this much of each piece costs less than a microsecond; small bodies are compared whole. */
const comparedBytesMax = 4096
const errorsMax = 100
const drainMsMax = 20_000

async function runLoad(job: LoadJob): Promise<LoadResult> {
  const source = job.work.method === 'GET' ? getSource(job, job.work) : putSource(job, job.work)
  const latencyUs = createHistogram()
  const errorSamples: string[] = []
  let errors = 0
  let requests = 0
  let requestsInAll = 0
  let bodyBytes = 0
  let outstanding = 0
  let sending = true
  let measureFrom = Infinity
  let measureUntil = Infinity

  function report(message: string): void {
    errors += 1
    if (errorSamples.length < 5) errorSamples.push(message)
  }

  const idle: Slot[] = []
  /** Open loop: when the requests that wait for a connection were due. */
  const due: number[] = []
  const isOpenLoop = job.ratePerSecond !== undefined

  interface Slot {
    readonly start: (intendedAt: number) => void
  }

  async function openSlot(number: number): Promise<Slot> {
    let request: Request | undefined
    let intendedAt = 0
    let wrongBytes = false
    let connection: Connection = await open()

    function open(): Promise<Connection> {
      return openConnection({
        host: job.host,
        port: job.port,
        onBody(bytes, start, end, offset) {
          const now = performance.now()
          const expected = request?.body
          if (!expected) return
          if (now >= measureFrom && now < measureUntil) bodyBytes += end - start
          const length = Math.min(end - start, comparedBytesMax)
          if (bytes.compare(expected, offset, offset + length, start, start + length) !== 0) wrongBytes = true
        },
        onEnd: finish,
        onFailure(reason) {
          report(reason)
          if (request) outstanding -= 1
          request = undefined
          if (errors > errorsMax) return
          void open().then(
            (fresh) => {
              connection = fresh
              proceed()
            },
            (error: unknown) => report(String(error)),
          )
        },
      })
    }

    function finish(status: number, length: number): void {
      const now = performance.now()
      const answered = request
      if (!answered) return report(`an answer (${status}) that nobody asked for`)
      request = undefined
      outstanding -= 1
      if (status !== answered.status) report(`status ${status}`)
      else if (answered.body && length !== answered.body.length) report(`length ${length}`)
      else if (wrongBytes) report('wrong bytes')
      else {
        requestsInAll += 1
        const inWindow = now >= measureFrom && now < measureUntil
        if (inWindow) {
          requests += 1
          bodyBytes += answered.sentBytes
        }
        const counts = isOpenLoop ? intendedAt >= measureFrom && intendedAt < measureUntil : inWindow
        if (counts) latencyUs.record((now - intendedAt) * 1000)
      }
      wrongBytes = false
      proceed()
    }

    function proceed(): void {
      if (isOpenLoop) {
        const waiting = due.shift()
        if (waiting === undefined) idle.push(slot)
        else start(waiting)
      } else if (sending) start(performance.now())
    }

    function start(at: number): void {
      intendedAt = at
      request = source.next(number)
      outstanding += 1
      connection.send(request.bytes)
    }

    const slot: Slot = { start }
    return slot
  }

  const slots = await Promise.all(Array.from({ length: job.connections }, (_, number) => openSlot(number)))
  const begin = performance.now()
  measureFrom = begin + job.warmupSeconds * 1000
  measureUntil = measureFrom + job.seconds * 1000

  let cpuAtStart = process.cpuUsage()
  setTimeout(() => (cpuAtStart = process.cpuUsage()), measureFrom - begin)

  if (job.ratePerSecond === undefined) for (const slot of slots) slot.start(performance.now())
  else {
    idle.push(...slots)
    await sendAtRate(job.ratePerSecond, measureUntil, (at) => {
      const slot = idle.pop()
      if (slot) slot.start(at)
      else due.push(at)
    })
  }
  await until(() => performance.now() >= measureUntil || errors > errorsMax)
  const cpu = process.cpuUsage(cpuAtStart)
  sending = false
  await until(() => (outstanding === 0 && due.length === 0) || performance.now() > measureUntil + drainMsMax)
  if (outstanding + due.length > 0) report(`${outstanding + due.length} requests without an answer`)

  return {
    requests,
    requestsInAll,
    seconds: job.seconds,
    perSecond: requests / job.seconds,
    mibPerSecond: bodyBytes / 2 ** 20 / job.seconds,
    latencyMs: {
      p50: latencyUs.percentile(50) / 1000,
      p90: latencyUs.percentile(90) / 1000,
      p99: latencyUs.percentile(99) / 1000,
      max: latencyUs.max / 1000,
    },
    cpuShare: (cpu.user + cpu.system) / 1e6 / job.seconds,
    errors,
    errorSamples,
    nextNumber: source.nextNumber,
  }
}

function getSource(job: LoadJob, work: GetWork): RequestSource {
  const requests: Request[] = Array.from(filesOf(work.files), ({ path, content }) => ({
    bytes: Buffer.from(
      requestHead({ method: 'GET', path, host: `${job.host}:${job.port}`, headers: job.headers }),
    ),
    status: 200,
    body: generateBytes(content),
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
