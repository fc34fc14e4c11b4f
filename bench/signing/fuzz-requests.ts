/** One change of a signed request: of its signature, of what is signed, or of how it is written. */
import { mutateHex, mutateText, pick } from './mutate-text.ts'
import type { Dice } from './mutate-text.ts'
import type { Message } from './send.ts'

export type Mutate = (message: Message, dice: Dice, others: readonly Message[]) => Message

const signaturePattern = /(Signature=)([0-9a-f]{64})/
const datePattern = /20\d{6}T\d{6}Z/
const credentialPattern = /(Credential=)([^,&]*)/

/** Wherever it stands: in a header, or in the query. */
function replace(message: Message, pattern: RegExp, change: (text: string) => string): Message {
  const { authorization } = message.headers
  const apply = (text: string) => text.replace(pattern, change)
  if (authorization === undefined || pattern === datePattern) {
    const date = message.headers['x-amz-date']
    const changed = { ...message, target: apply(message.target) }
    return date === undefined ? changed : withHeader(changed, 'x-amz-date', apply(date))
  }
  return { ...message, headers: { ...message.headers, authorization: apply(authorization) } }
}

function withQuery(message: Message, change: (pairs: string[]) => readonly string[]): Message {
  const [path = '', ...rest] = message.target.split('?')
  const pairs = change(rest.join('?').split('&')).filter((pair) => pair !== '')
  return { ...message, target: pairs.length === 0 ? path : `${path}?${pairs.join('&')}` }
}

function withPath(message: Message, change: (path: string) => string): Message {
  const [path = '', ...rest] = message.target.split('?')
  return { ...message, target: [change(path), ...rest].join('?') }
}

function withHeader(message: Message, name: string, value: string | undefined): Message {
  const { [name]: _, ...headers } = message.headers
  return { ...message, headers: value === undefined ? headers : { ...headers, [name]: value } }
}

/** Of any one; a request that has lost all of them stays as it is. */
function changeHeader(change: (value: string, dice: Dice) => string | undefined): Mutate {
  return (message, dice) => {
    const names = Object.keys(message.headers)
    const name = names[dice(names.length)]
    return name === undefined ? message : withHeader(message, name, change(message.headers[name]!, dice))
  }
}

function pathOf({ target }: Message): string {
  return target.split('?', 1)[0]!
}

function signatureOf({ target, headers }: Message): string {
  return signaturePattern.exec(headers['authorization'] ?? target)?.[2] ?? ''
}

const methods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH']

const parameters = [
  'X-Amz-Expires=604800',
  'X-Amz-Expires=1',
  'X-Amz-SignedHeaders=host',
  'X-Amz-Signature=0',
  'X-Amz-Security-Token=a',
  'X-Amz-Content-Sha256=UNSIGNED-PAYLOAD',
  'X-Amz-Algorithm=AWS4-HMAC-SHA256',
  'X-Cutty-Max-Bytes=1000000000',
  'X-Cutty-Id=another',
  'x-cutty-max-uses=9',
  'response-content-type=text/html',
  'response-cache-control=public',
  'acl',
  'acl=',
  'tagging',
  'uploads',
  'delete',
  'policy=',
  'cors',
  'versionId=null',
  'partNumber=1',
  'prefix=',
  'list-type=2',
  'x-id=GetObject',
  'a',
]

const headers: readonly (readonly [string, string])[] = [
  ['x-amz-acl', 'public-read'],
  ['x-amz-copy-source', '/fuzz-two/plain.txt'],
  ['x-amz-meta-note', 'another'],
  ['x-amz-meta-added', '1'],
  ['x-amz-tagging', 'a=b'],
  ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
  ['x-amz-content-sha256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['x-amz-security-token', 'a'],
  ['x-amz-decoded-content-length', '0'],
  ['x-amz-website-redirect-location', '/'],
  ['x-amz-storage-class', 'GLACIER'],
  ['x-amz-date', '20200101T000000Z'],
  ['x-amz-checksum-crc32', 'AAAAAA=='],
  ['x-cutty-compression', 'off'],
  ['host', 'another.example'],
  ['authorization', 'AWS4-HMAC-SHA256'],
  ['authorization', 'Basic YTpi'],
  ['authorization', 'AWS AKIA:c2lnbmF0dXJl'],
]

const paths = [
  '/',
  '//',
  '/fuzz-one',
  '/fuzz-two/',
  '/fuzz-two/plain.txt',
  '/.',
  '/..',
  '/%2e%2e/x',
  '*',
  '',
  '?',
]

/** By what they change. */
export const requestMutations: Readonly<Record<string, Mutate>> = {
  'signature digits': (message, dice) =>
    replace(message, signaturePattern, (text) => `Signature=${mutateHex(text.slice(10), dice)}`),

  "another's signature": (message, dice, others) =>
    replace(message, signaturePattern, () => `Signature=${signatureOf(pick(dice, others))}`),

  method: (message, dice) => ({
    ...message,
    method: dice(8) === 0 ? mutateText(message.method, dice) : pick(dice, methods),
  }),

  'path letters': (message, dice) => withPath(message, (path) => mutateText(path, dice)),

  "another's path": (message, dice, others) =>
    withPath(message, () => pick(dice, [...paths, ...others.map(pathOf)])),

  'path escapes': (message, dice) =>
    withPath(message, (path) => {
      const at = dice(path.length)
      const escaped = `%${path.charCodeAt(at).toString(16).padStart(2, '0')}`
      return dice(2) === 0
        ? path.slice(0, at) + escaped + path.slice(at + 1)
        : path.replace(/%[0-9A-F]{2}/, (escape) =>
            dice(2) === 0 ? escape.toLowerCase() : `%25${escape.slice(1)}`,
          )
    }),

  'path end': (message, dice) =>
    withPath(message, (path) => path + pick(dice, ['/', '/..', '/.', '%2F', '%00', '//', ';a', '%20', '%'])),

  'query letters': (message, dice) =>
    message.target.includes('?')
      ? withQuery(message, (pairs) => mutateText(pairs.join('&'), dice).split('&'))
      : { ...message, target: mutateText(message.target, dice) },

  'a parameter less': (message, dice) =>
    withQuery(message, (pairs) => pairs.toSpliced(dice(pairs.length), 1)),

  'a parameter more': (message, dice) =>
    withQuery(message, (pairs) => pairs.toSpliced(dice(pairs.length + 1), 0, pick(dice, parameters))),

  'a parameter twice': (message, dice) =>
    withQuery(message, (pairs) => {
      const pair = pick(dice, pairs)
      return pairs.toSpliced(dice(pairs.length + 1), 0, dice(2) === 0 ? pair : mutateText(pair, dice))
    }),

  "a parameter's value": (message, dice) =>
    withQuery(message, (pairs) =>
      pairs.with(dice(pairs.length), pick(dice, parameters.concat(mutateText(pick(dice, pairs), dice)))),
    ),

  'order and case of parameters': (message, dice) =>
    withQuery(message, (pairs) => {
      if (dice(2) === 0) return pairs.toReversed()
      const at = dice(pairs.length)
      return pairs.with(
        at,
        pairs[at]!.replace(/^[^=]*/, (name) => name.toLowerCase()),
      )
    }),

  'a header: its value': changeHeader((value, dice) => mutateText(value, dice)),

  'a header less': changeHeader(() => undefined),

  'a header more': (message, dice) => withHeader(message, ...pick(dice, headers)),

  'a header twice': changeHeader(
    (value, dice) => `${value}, ${dice(2) === 0 ? value : mutateText(value, dice)}`,
  ),

  'white space in a header': changeHeader((value, dice) =>
    dice(2) === 0 ? ` ${value}  ` : value.replace(' ', '  '),
  ),

  'the signed headers': (message, dice) =>
    replace(message, /(SignedHeaders=)([^,&]*)/, (text) => {
      const separator = text.includes('%3B') ? '%3B' : ';'
      const names = text.slice('SignedHeaders='.length).split(separator)
      const changed = [
        names.toSpliced(dice(names.length), 1),
        [...names, pick(dice, ['x-amz-acl', 'range', 'host', 'x-amz-meta-note', 'cookie'])],
        names.toReversed(),
        [mutateText(names.join(separator), dice)],
      ][dice(4)]!
      return `SignedHeaders=${changed.join(separator)}`
    }),

  'the credential': (message, dice) =>
    replace(message, credentialPattern, (text) => {
      const separator = text.includes('%2F') ? '%2F' : '/'
      const parts = text.slice('Credential='.length).split(separator)
      const at = dice(parts.length)
      const other = pick(dice, [
        mutateText(parts[at]!, dice),
        '',
        's3',
        '20200101',
        'AKIAIOSFODNN7EXAMPLE',
        '*',
      ])
      return `Credential=${(dice(8) === 0 ? parts.toSpliced(at, 1) : parts.with(at, other)).join(separator)}`
    }),

  'the date': (message, dice) =>
    replace(message, datePattern, (text) => {
      const digits = mutateText(text.slice(9, 15), dice)
      return pick(dice, [
        `${text.slice(0, 9)}${digits}Z`,
        mutateText(text, dice),
        '20991231T235959Z',
        '19700101T000000Z',
        text.toLowerCase(),
      ])
    }),

  'signed twice': (message, dice, others) => {
    const other = pick(dice, others)
    const query = other.target.split('?')[1] ?? ''
    const { authorization } = other.headers
    if (authorization !== undefined) return withHeader(message, 'authorization', authorization)
    return withQuery(message, (pairs) => [...pairs, query])
  },

  'a content': (message, dice) => {
    // Of a read there is none, and nobody looks for it.
    const { body } = message
    if (body.length === 0) return { ...message, target: mutateText(message.target, dice) }
    if (dice(4) === 0)
      return { ...message, declaredBytes: body.length + pick(dice, [-1, 1, -body.length, 1000]) }
    if (dice(3) === 0) return { ...message, body: Buffer.concat([body, Buffer.from('x')]) }
    const changed = Buffer.from(body)
    changed[dice(body.length)]! ^= 1 << dice(8)
    return { ...message, body: changed }
  },
}
