import { afterEach, beforeEach } from 'vitest'
import { type NewAccessKey, createAccessKey, createToken } from '../../../src/core/accounts/credentials.ts'
import { createUser, updateUser } from '../../../src/core/accounts/users.ts'
import { createBucket } from '../../../src/core/files/buckets.ts'
import type { SecurityEvent } from '../../../src/core/ports/observer.ts'
import type { Caller } from '../../../src/core/accounts/caller.ts'
import { createApp } from '../../../src/http/app.ts'
import type { S3Options } from '../../../src/http/s3/s3.ts'
import type { HttpAnswer, HttpInit } from '../../contracts/http/subject.ts'
import { openTestCore, type TestCore } from '../../core/test-core.ts'
import { createInProcessFetch } from '../in-process.ts'

export const host = 'cutty.test'
export const bucket = 'photos'

export interface Answer extends HttpAnswer {
  readonly text: string
  // What a test expects it to be.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  json<T = Record<string, unknown>>(): T
  /** Of an S3 error. */
  readonly code: string
}

export interface Link {
  readonly id: string
  readonly url: string
  readonly method: string
  readonly headers: Record<string, string>
  readonly expiresAt: string
}

export interface Person {
  readonly caller: Caller
  readonly key: NewAccessKey
}

export interface Stage extends TestCore {
  /** Owns the bucket; no administrator. */
  readonly ada: Person
  person(name: string): Promise<Person>
  disable(person: Person, disabled?: boolean): Promise<void>
  /** A further key of theirs. */
  keyOf(person: Person): Promise<NewAccessKey>
  tokenOf(person: Person): Promise<string>
  /** To the application. `as` is a key of REST, or a token. */
  call(method: string, target: string, init?: CallInit): Promise<Answer>
  /** Makes a link as ada, and expects that to succeed. */
  link(body: object, as?: NewAccessKey | string): Promise<Link>
  /** What whoever was given a URL does with it: nothing of ours is sent along. */
  follow(url: string, init?: HttpInit): Promise<Answer>
  /** A link by its method and with its headers. */
  use(link: Link, init?: HttpInit): Promise<Answer>
  /** Kinds of the security events since the last time. */
  kinds(): SecurityEvent['kind'][]
}

export interface CallInit extends HttpInit {
  readonly as?: NewAccessKey | string | undefined
  readonly json?: unknown
}

const decoder = new TextDecoder()

export function useStage(options: S3Options = {}): Stage {
  let stage: Stage
  beforeEach(async () => (stage = await openStage(options)))
  afterEach(() => stage.close())
  return new Proxy({} as Stage, { get: (_, name) => stage[name as keyof Stage] })
}

export async function openStage(options: S3Options = {}): Promise<Stage> {
  const core = await openTestCore()
  const { core: of, admin, events } = core
  const fetch = createInProcessFetch(createApp(of, options))
  let seen = 0

  const send = async (target: string, { headers, ...init }: HttpInit): Promise<Answer> => {
    const answer = await fetch(target, { ...init, headers: { host, ...headers } })
    const text = decoder.decode(answer.bytes)
    return {
      ...answer,
      text,
      json: () => JSON.parse(text) as never,
      code: /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '',
    }
  }
  const person = async (name: string): Promise<Person> => {
    const user = await createUser(of, admin, { name, email: `${name}@example.org`, role: 'user' })
    const key = await createAccessKey(of, admin, { userId: user.id, label: name })
    return { caller: { userId: user.id, role: 'user' }, key }
  }
  const call = (method: string, target: string, { as, json, ...init }: CallInit = {}) =>
    send(target, {
      ...init,
      method,
      headers: { ...authorization(as), ...(json !== undefined && jsonType), ...init.headers },
      body: json === undefined ? init.body : JSON.stringify(json),
    })
  const ada = await person('ada')
  await createBucket(of, ada.caller, { name: bucket, visibility: 'private' })

  return {
    ...core,
    ada,
    person,
    call,
    async disable({ caller }, disabled = true) {
      await updateUser(of, admin, { id: caller.userId as string, disabled })
    },
    keyOf: ({ caller }) => createAccessKey(of, admin, { userId: caller.userId as string, label: 'another' }),
    tokenOf: async ({ caller }) => (await createToken(of, caller, { label: 'token' })).token,
    async link(body, as = ada.key) {
      const answer = await call('POST', '/api/v1/presigned-urls', { as, json: { bucket, ...body } })
      if (answer.status !== 201) throw new Error(answer.text)
      return answer.json<never>()
    },
    follow: (url, init = {}) => {
      const { pathname, search, host } = new URL(url)
      return send(pathname + search, { ...init, headers: { host, ...init.headers } })
    },
    use: ({ url, method, headers }, init = {}) => {
      const { host } = new URL(url)
      return send(url.slice(url.indexOf('/', 8)), {
        method,
        ...init,
        headers: { host, ...headers, ...init.headers },
      })
    },
    kinds() {
      const fresh = events.slice(seen)
      seen = events.length
      return fresh.flatMap((event) => (event.type === 'security' ? [event.kind] : []))
    },
  }
}

const jsonType = { 'content-type': 'application/json' }

function authorization(as: NewAccessKey | string | undefined): Record<string, string> {
  if (as === undefined) return {}
  if (typeof as === 'string') return { authorization: `Bearer ${as}` }
  return { authorization: `Basic ${btoa(`${as.accessKeyId}:${as.secretAccessKey}`)}` }
}
