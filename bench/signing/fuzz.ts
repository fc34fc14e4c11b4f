/**
 * Changes signed requests, chunks and policies, lets the application answer them, and holds each answer against a plain reading
 * of what was signed. All of a case follows from the seed and its number.
 */
import { createBucket, readBuckets } from '../../src/core/files/buckets.ts'
import { listUploads } from '../../src/core/files/list-uploads.ts'
import { listFiles } from '../../src/core/files/list.ts'
import { createDice } from '../harness/many-keys.ts'
import { chunkMutations } from './fuzz-chunks.ts'
import { formMutations } from './fuzz-forms.ts'
import { buckets, createSigner, makeOrigins, messageOfForm } from './fuzz-origins.ts'
import { requestMutations } from './fuzz-requests.ts'
import { meaningOf } from './meaning.ts'
import { pick } from './mutate-text.ts'
import { send } from './send.ts'
import type { Caller } from '../../src/core/accounts/caller.ts'
import type { Clock } from '../../src/core/ports/clock.ts'
import type { Core } from '../../src/core/core.ts'
import type { AccessKey } from '../../src/core/sigv4/credential.ts'
import type { App } from '../../src/http/app.ts'
import type { Origin, Signer } from './fuzz-origins.ts'
import type { Answered, Message } from './send.ts'

export interface FuzzOptions {
  readonly app: App
  readonly core: Core
  readonly admin: Caller
  /** The administrator's. */
  readonly accessKey: AccessKey
  readonly seed: number
  readonly cases: number
  /** This case alone. */
  readonly only?: number | undefined
  readonly progress?: (message: string) => void
}

/** A case that did not end as it must. */
export interface Finding {
  readonly what: 'accepted' | 'crashed' | 'stored' | 'no S3 error'
  readonly number: number
  readonly origin: string
  readonly mutations: readonly string[]
  readonly answer: string
  readonly sent: string
}

export interface FuzzResult {
  readonly seed: number
  readonly cases: number
  readonly origins: number
  readonly refused: number
  /** Changed in writing but not in meaning; they may be accepted. */
  readonly alike: number
  readonly alikeAccepted: number
  /** Each kind of finding, counted. */
  readonly accepted: number
  readonly crashed: number
  readonly stored: number
  readonly noS3Error: number
  readonly findings: readonly Finding[]
  /** Refusals by status and code. */
  readonly codes: Readonly<Record<string, number>>
  /** Cases by mutation, each once where there were two. */
  readonly mutations: Readonly<Record<string, number>>
}

interface Mutant {
  readonly message: Message
  readonly names: readonly string[]
  readonly allowed: boolean | 'unknown'
}

const findingsMax = 20

/** One moment for all cases, so that each has the same signatures whenever it is run. */
export const fuzzClock: Clock = { now: () => Date.UTC(2026, 10, 21, 12), monotonic: () => performance.now() }

/** In a line, with how to see it again. */
export function describeFinding({ what, number, origin, mutations }: Finding, { seed }: FuzzResult): string {
  const again = `node bench/signing/run-fuzz.ts --seed ${seed} --case ${number}`
  return `${what}: ${origin}, ${mutations.join(', ')}: ${again}`
}

/** Half of the cases are requests without chunks. */
const kinds = ['request', 'request', 'chunks', 'form'] as const

export async function runFuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { app, core, admin, accessKey, seed, cases, only, progress = () => {} } = options
  const signer = createSigner(accessKey, core.clock.now())
  const origins = makeOrigins(signer)
  for (const name of buckets) await createBucket(core, admin, { name, visibility: 'private' })
  await sendOrigins(app, origins)
  const before = await describeStored(core, admin)
  await sendOrigins(app, origins)
  if ((await describeStored(core, admin)) !== before)
    throw new Error('the requests to begin from change what is stored')

  const ofKind = {
    request: origins.filter(({ kind }) => kind === 'request'),
    chunks: origins.filter(({ kind }) => kind === 'chunks'),
    form: origins.filter(({ kind }) => kind === 'form'),
  }
  const messages = origins.flatMap((origin) => (origin.kind === 'form' ? [] : [origin.message]))
  const counts = { refused: 0, alike: 0, alikeAccepted: 0, accepted: 0, crashed: 0, stored: 0, noS3Error: 0 }
  const findings: Finding[] = []
  const codes = new Map<string, number>()
  const mutations = new Map<string, number>()

  async function tryCase(number: number): Promise<void> {
    const dice = createDice(mix(seed, number))
    const origin = pick(dice, ofKind[pick(dice, kinds)])
    const { message, names, allowed } = mutate(origin, { dice, messages, signer })
    for (const name of new Set(names)) add(mutations, name)
    const found = (what: Finding['what'], answer: string) => {
      counts[what === 'no S3 error' ? 'noS3Error' : what] += 1
      const finding = { what, number, origin: origin.name, mutations: names, answer, sent: describe(message) }
      if (findings.length < findingsMax) findings.push(finding)
    }
    let answer: Answered
    try {
      answer = await send(app, message)
    } catch (error) {
      return found('crashed', error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    const { status, text } = answer
    const shown = `${status} ${text.slice(0, 400)}`
    const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? (message.method === 'HEAD' ? 'HEAD' : '–')
    // A browser without a signature is sent from the root to a page, which gives nothing away.
    const isAccepted = status < 400 && status !== 302
    if (allowed !== false) counts.alike += 1
    if (isAccepted && allowed === false) found('accepted', shown)
    else if (status >= 500 && status !== 501) found('crashed', shown)
    else if (isAccepted) counts.alikeAccepted += 1
    else {
      counts.refused += 1
      add(codes, `${status} ${code}`)
      if (code === '–' && status !== 302 && !isOfRest(message, answer)) found('no S3 error', shown)
    }
    if (message.method === 'GET' || message.method === 'HEAD') return
    if (isAccepted && allowed !== false) await sendOrigins(app, [origin])
    if ((await describeStored(core, admin)) !== before) {
      found('stored', shown)
      throw new Error(
        `case ${number} of seed ${seed} changed what is stored: ${JSON.stringify(findings.at(-1))}`,
      )
    }
  }

  for (let number = only ?? 0; number < (only === undefined ? cases : only + 1); number += 1) {
    await tryCase(number)
    if (number % 10_000 === 9_999) progress(`${number + 1} cases, ${findings.length} findings`)
  }
  return {
    seed,
    cases: only === undefined ? cases : 1,
    origins: origins.length,
    ...counts,
    findings,
    codes: sorted(codes),
    mutations: sorted(mutations),
  }
}

function mutate(
  origin: Origin,
  {
    dice,
    messages,
    signer,
  }: { dice: (sides: number) => number; messages: readonly Message[]; signer: Signer },
): Mutant {
  if (origin.kind === 'form') {
    const name = pick(dice, Object.keys(formMutations))
    return { names: [name], ...formMutations[name]!(origin, dice, signer) }
  }
  const names: string[] = []
  let { message } = origin
  const isChunks = origin.kind === 'chunks' && dice(4) > 0
  if (isChunks) {
    const name = pick(dice, Object.keys(chunkMutations))
    message = chunkMutations[name]!(message, dice)
    names.push(name)
  }
  const times = isChunks ? Number(dice(6) === 0) : 1 + Number(dice(4) === 0)
  for (let time = 0; time < times; time += 1) {
    const name = pick(dice, Object.keys(requestMutations))
    message = requestMutations[name]!(message, dice, messages)
    names.push(name)
  }
  return { message, names, allowed: meaningOf(message) === meaningOf(origin.message) }
}

async function sendOrigins(app: App, origins: readonly Origin[]): Promise<void> {
  // What others read or copy has to be there first.
  const writes = origins.filter((origin) => origin.name === 'PUT in its headers')
  for (const origin of [...writes, ...origins]) {
    const { status, text } = await send(
      app,
      origin.kind === 'form' ? messageOfForm(origin.form) : origin.message,
    )
    if (status >= 300) {
      const sent = describe(origin.kind === 'form' ? messageOfForm(origin.form) : origin.message)
      throw new Error(`${origin.name} is refused as it is: ${status} ${text.slice(0, 1000)}\n${sent}`)
    }
  }
}

/** All that a request could have changed: buckets, files, uploads under way. */
async function describeStored(core: Core, admin: Caller): Promise<string> {
  const { buckets: rows } = await readBuckets(core, admin, { limit: 1000 })
  const described = []
  for (const { name, visibility } of rows) {
    const page = { bucket: name, prefix: '', limit: 1000 }
    const { files } = await listFiles(core, admin, { ...page, sort: 'key', order: 'asc' })
    const { uploads } = await listUploads(core, admin, page)
    const known = files.map(({ key, etag, sizeBytes, contentType }) => [key, etag, sizeBytes, contentType])
    described.push([name, visibility, known, uploads.length])
  }
  return JSON.stringify(described)
}

/** A path that became one of REST's, which refuses in its own words. */
function isOfRest({ target }: Message, { text }: Answered): boolean {
  return !target.startsWith('/fuzz-') && text.startsWith('{')
}

/** So that cases of one seed, and cases of seeds that follow one another, have nothing in common. */
function mix(seed: number, number: number): number {
  const mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 15)) | 0
}

function describe({ method, target, headers, body }: Message): string {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`${method} ${target}`, ...fields, '', Buffer.from(body).toString('latin1').slice(0, 3000)].join(
    '\n',
  )
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a))
}
