/**
 * What signing and verifying cost, in microseconds per call: blocks of calls in turn, the least and the median of rounds.
 * `--json` prints the result as JSON. `--quick` proves no speed. `--only NAME` for a profile of one of them.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { SigV4Request } from '../../src/core/sigv4/canonical-request.ts'
import { signRequest } from '../../src/core/sigv4/sign-request.ts'
import { signUrl } from '../../src/core/sigv4/sign-url.ts'
import { readSignedRequest } from '../../src/core/sigv4/signed-request.ts'
import { createSigningKeys } from '../../src/core/sigv4/signing-keys.ts'
import { verifySignature } from '../../src/core/sigv4/verify.ts'
import { createBucket } from '../../src/core/files/buckets.ts'
import { describeMachine } from '../harness/machine.ts'
import { median } from '../harness/rounds.ts'
import { accessKey } from '../harness/subject.ts'
import { openApplication } from './application.ts'
import { send } from './send.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const rounds = values.quick ? 3 : 15
const callsPerRound = values.quick ? 1_000 : 20_000
const batchesPerRound = values.quick ? 1 : 5
const keyCount = 1024
const batchItems = 1_000

const host = '127.0.0.1:7780'
const signingKeys = createSigningKeys()
const nowMs = Date.now()
const always = { host, signedAtMs: nowMs, region: 'us-east-1', accessKey, signingKeys }
const paths = Array.from({ length: keyCount }, (_, index) => `/bench/folder/file-${index}`)
const headerRequests = paths.map((path) => signedInHeader(path))
const queryRequests = paths.map((path) => signedInQuery(path))

/** As the AWS CLI sends a GET. */
function signedInHeader(path: string): SigV4Request {
  const payload = createHash('sha256').digest('hex')
  const { headers } = signRequest({ method: 'GET', path, payload, ...always })
  return request(path, '', { ...headers, 'user-agent': 'bench', accept: '*/*' })
}

function signedInQuery(path: string): SigV4Request {
  const url = signUrl({ method: 'GET', scheme: 'http', path, expiresSeconds: 3600, ...always })
  return request(path, url.slice(url.indexOf('?') + 1), { 'user-agent': 'bench', accept: '*/*' })
}

function request(path: string, query: string, headers: Readonly<Record<string, string>>): SigV4Request {
  const fields: Record<string, string> = { host, ...headers }
  return {
    method: 'GET',
    path,
    query,
    header: (name) => fields[name],
    headers: () => Object.entries(fields),
  }
}

function verifyAll(requests: readonly SigV4Request[]): void {
  for (let call = 0; call < callsPerRound; call += 1) {
    const signed = readSignedRequest(requests[(call * 7) % keyCount]!, { api: 's3' })!
    verifySignature(signed, { secret: accessKey.secret, signingKeys, hosts: [host], nowMs })
  }
}

const folderAbove = join(import.meta.dirname, '../tmp')
mkdirSync(folderAbove, { recursive: true })
const folder = mkdtempSync(join(folderAbove, 'signing-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const { app, core, admin, ...application } = await openApplication(folder)
await createBucket(core, admin, { name: 'bench', visibility: 'private' })
const batch = {
  method: 'POST',
  target: '/api/v1/presigned-urls/batch',
  headers: {
    host,
    'content-type': 'application/json',
    authorization: `Basic ${Buffer.from(`${accessKey.accessKeyId}:${accessKey.secret}`).toString('base64')}`,
  },
  body: Buffer.from(
    JSON.stringify({
      items: Array.from({ length: batchItems }, (_, index) => ({
        bucket: 'bench',
        key: `folder/file-${index}`,
        operation: 'read',
        expiresInSeconds: 3600,
      })),
    }),
  ),
}

interface Part {
  readonly calls: number
  readonly run: () => void | Promise<void>
}

const parts: Record<string, Part> = {
  'verify a header': { calls: callsPerRound, run: () => verifyAll(headerRequests) },
  'verify a query': { calls: callsPerRound, run: () => verifyAll(queryRequests) },
  'sign a URL': {
    calls: callsPerRound,
    run() {
      for (let call = 0; call < callsPerRound; call += 1) {
        const path = paths[(call * 7) % keyCount]!
        signUrl({ method: 'GET', scheme: 'http', path, expiresSeconds: 3600 + call, ...always })
      }
    },
  },
  'sign a batch': {
    calls: batchesPerRound,
    async run() {
      for (let call = 0; call < batchesPerRound; call += 1) {
        const { status, text } = await send(app, batch)
        if (status !== 200 || text.split('X-Amz-Signature=').length <= batchItems) {
          throw new Error(`the batch was answered with ${status}: ${text.slice(0, 300)}`)
        }
      }
    },
  },
}

const names = Object.keys(parts).filter((name) => values.only === undefined || name === values.only)
const taken = new Map<string, number[]>(names.map((name) => [name, []]))
for (let round = -2; round < rounds; round += 1) {
  for (const name of names) {
    const { calls, run } = parts[name]!
    const began = performance.now()
    await run()
    // The first two make it warm.
    if (round >= 0) taken.get(name)!.push(((performance.now() - began) * 1000) / calls)
  }
}
await application.close()

const results = Array.from(taken, ([name, all]) => ({
  name,
  minUs: Math.min(...all),
  medianUs: median(all),
  rounds: all.map((us) => Math.round(us * 100) / 100),
}))
if (values.json) {
  const machine = describeMachine(import.meta.dirname)
  console.log(
    JSON.stringify({ machine, quick: values.quick, callsPerRound, batchItems, rounds, results }, null, 2),
  )
} else {
  for (const { name, minUs, medianUs } of results) {
    console.log(`${minUs.toFixed(2).padStart(10)} ${medianUs.toFixed(2).padStart(10)} µs  ${name}`)
  }
}
