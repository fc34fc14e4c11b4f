import { becomesStale, type Case, cc, type Field, fresh, type Step } from './case.ts'

const day: Field = ['Date', 0]
const lasting = cc('max-age=3600')

const withTag = (tag: string): Step => ({ reply: [...(fresh.reply ?? []), ['ETag', tag]] })
const tagCase = (name: string, kind: Case['kind'], tag: string, condition: string): Case => ({
  id: `conditional-etag-${name}`,
  kind,
  steps: [
    withTag(tag),
    { ask: [['If-None-Match', condition]], expect: 'cached', expectStatus: 304, text: null },
  ],
})

const tagCases: Case[] = [
  tagCase('strong-respond', 'optimal', '"abcdef"', '"abcdef"'),
  {
    id: 'conditional-304-etag',
    kind: 'required',
    steps: [
      withTag('"abcdef"'),
      {
        ask: [['If-None-Match', '"abcdef"']],
        expect: 'cached',
        expectStatus: 304,
        text: null,
        expectFields: [['ETag', '"abcdef"']],
      },
    ],
  },
  {
    id: 'conditional-etag-precedence',
    kind: 'required',
    steps: [
      { reply: [lasting, day, ['Last-Modified', -5000], ['ETag', '"abcdef"']] },
      {
        ask: [
          ['If-None-Match', '"abcdef"'],
          ['If-Modified-Since', -10_000],
        ],
        expect: 'cached',
        expectStatus: 304,
        text: null,
      },
    ],
  },
  tagCase('quoted-respond-unquoted', 'check', '"abcdef"', 'abcdef'),
  tagCase('unquoted-respond-unquoted', 'check', 'abcdef', 'abcdef'),
  tagCase('unquoted-respond-quoted', 'check', 'abcdef', '"abcdef"'),
  tagCase('weak-respond', 'optimal', 'W/"abcdef"', 'W/"abcdef"'),
  tagCase('weak-respond-lowercase', 'check', 'w/"abcdef"', 'w/"abcdef"'),
  tagCase('weak-respond-backslash', 'check', 'W\\"abcdef"', 'W\\"abcdef"'),
  tagCase('weak-respond-omit-slash', 'check', 'W"abcdef"', 'W"abcdef"'),
  tagCase('strong-respond-multiple-first', 'optimal', '"abcdef"', '"abcdef", "1234", "5678"'),
  tagCase('strong-respond-multiple-second', 'optimal', '"abcdef"', '"1234", "abcdef", "5678"'),
  tagCase('strong-respond-multiple-last', 'optimal', '"abcdef"', '"1234", "5678", "abcdef"'),
  {
    id: 'conditional-etag-vary-headers',
    kind: 'required',
    steps: [
      {
        ask: [['Abc', '123']],
        reply: [['Expires', 1], ['ETag', '"abcdef"'], day, ['Vary', 'Abc']],
        pause: true,
      },
      { ask: [['Abc', '123']], expect: 'etag_validated', expectAsked: [['Abc', '123']] },
    ],
  },
  {
    id: 'conditional-etag-vary-headers-mismatch',
    kind: 'check',
    steps: [
      {
        ask: [['Abc', '123']],
        reply: [['Expires', 10_000], ['ETag', '"abcdef"'], day, ['Vary', 'Abc']],
        pause: true,
      },
      { ask: [['Abc', '456']], expectNotAsked: [['If-None-Match', '"abcdef"']] },
    ],
  },
  ...['"abcdef"', 'W/"abcdef"'].map((tag, index): Case => ({
    id: ['conditional-etag-strong-generate', 'conditional-etag-weak-generate-weak'][index] as string,
    kind: 'optimal',
    steps: [becomesStale(['ETag', tag]), { expectAsked: [['If-None-Match', tag]], expect: 'etag_validated' }],
  })),
  {
    id: 'conditional-etag-strong-generate-unquoted',
    kind: 'check',
    steps: [
      becomesStale(['ETag', 'abcdef']),
      { expectAsked: [['If-None-Match', '"abcdef"']], expect: 'etag_validated' },
    ],
  },
  {
    id: 'conditional-etag-forward',
    kind: 'check',
    steps: [{ ask: [['If-None-Match', '"abcdef"']], expectAsked: [['If-None-Match', '"abcdef"']] }],
  },
  {
    id: 'conditional-etag-forward-unquoted',
    kind: 'check',
    steps: [{ ask: [['If-None-Match', 'abcdef']], expectAsked: [['If-None-Match', '"abcdef"']] }],
  },
]

const dateCase = (
  name: string,
  reply: readonly Field[],
  since: number,
  expect: Step['expect'] = 'cached',
): Case => ({
  id: `conditional-lm-${name}`,
  kind: 'optimal',
  steps: [
    { reply, pause: true },
    // Three seconds have passed, which dates count from.
    { ask: [['If-Modified-Since', since - 3]], ...(expect && { expect }), expectStatus: 304, text: null },
  ],
})
const dateCases: Case[] = [
  dateCase('fresh', [lasting, ['Last-Modified', -3000], day], -3000),
  dateCase('fresh-earlier', [lasting, ['Last-Modified', -3000], day], -2000),
  dateCase('stale', [cc('max-age=2'), ['Last-Modified', -3000], day], -3000, 'lm_validated'),
  dateCase('fresh-no-lm', [cc('max-age=100000'), ['Date', -4000]], -3000),
]

/** Name, value before and after, and what RFC 9111 §3.1 and §3.2 say of it. */
const fields: readonly (readonly [string, string, string, ('update' | 'not-stored' | 'not-updated')?])[] = [
  ['Test-Header', 'a', 'b', 'update'],
  ['X-Test-Header', 'a', 'b', 'update'],
  ['Content-Foo', 'a', 'b', 'update'],
  ['X-Content-Foo', 'a', 'b', 'update'],
  ['Cache-Control', 'max-age=1', 'max-age=3600', 'update'],
  ['Connection', 'a', 'b', 'not-stored'],
  ['Content-Encoding', 'a', 'b'],
  ['Content-Length', '10', '11', 'not-updated'],
  ['Content-Location', '/foo', '/bar'],
  ['Content-MD5', 'rL0Y20zC+Fzt72VPzMSk2A==', 'N7UdGUp1E+RbVvZSTy1R8g=='],
  ['Content-Range', 'a', 'b'],
  ['Content-Security-Policy', "default-src 'self'", "default-src 'self' cdn.example.com"],
  ['Content-Type', 'text/plain', 'text/plain;charset=utf-8'],
  ['Clear-Site-Data', 'cache', 'cookies'],
  ['Expires', 'Fri, 01 Jan 2038 01:01:01 GMT', 'Mon, 11 Jan 2038 11:11:11 GMT'],
  ['Keep-Alive', 'a', 'b', 'not-stored'],
  ['Proxy-Authenticate', 'a', 'b', 'not-stored'],
  ['Proxy-Authentication-Info', 'a', 'b', 'not-stored'],
  ['Proxy-Authorization', 'a', 'b', 'not-stored'],
  ['Proxy-Connection', 'a', 'b', 'not-stored'],
  ['Public-Key-Pins', 'a', 'b'],
  ['Set-Cookie', 'a=b', 'a=c'],
  ['Set-Cookie2', 'a=b', 'a=c'],
  ['TE', 'a', 'b', 'not-stored'],
  ['Transfer-Encoding', 'chunked', 'chunked', 'not-stored'],
  ['Upgrade', 'a', 'b', 'not-stored'],
  ['X-Frame-Options', 'deny', 'sameorigin'],
  ['X-XSS-Protection', '1', '1; mode=block'],
]

/** Ten bytes, for Content-Length. */
const text = '0123456789'

const storeCases: Case[] = fields.map(([name, value, , rule]): Case => ({
  id: `headers-store-${name}`,
  kind: 'required',
  steps: [
    {
      reply: [
        ...(name === 'Cache-Control' ? [] : [lasting]),
        day,
        [name, name === 'Cache-Control' ? 'max-age=3600' : value],
      ],
      text,
      pause: true,
    },
    {
      text,
      expect: 'cached',
      ...(rule === 'not-stored'
        ? { expectMissing: [name] }
        : { expectFields: [[name, name === 'Cache-Control' ? 'max-age=3600' : value] as const] }),
    },
  ],
}))

const updateCases: Case[] = fields
  .filter(([, , , rule]) => rule !== 'not-stored')
  .flatMap(([name, before, after, rule]) =>
    (['ETag', 'Last-Modified'] as const).flatMap((validator): Case[] => {
      const value: Field =
        validator === 'ETag' ? ['ETag', '"abcdef"'] : ['Last-Modified', 'Fri, 01 Jan 2016 01:01:01 GMT']
      const reply = (seconds: number, own: string): Field[] => [
        ...(name === 'Cache-Control' ? [] : [cc(`max-age=${seconds}`)]),
        day,
        value,
        [name, own],
      ]
      const short = validator === 'ETag' ? 'etag' : 'lm'
      const expect = validator === 'ETag' ? 'etag_validated' : 'lm_validated'
      const expectFields: Field[] = [[name, rule === 'not-updated' ? before : after]]
      const kind = rule === undefined ? 'check' : 'required'
      const first: Step = { reply: reply(1, before), text, pause: true }
      const second: Step = { reply: reply(3600, after), text, expect }
      return [
        { id: `304-${short}-update-response-${name}`, kind, steps: [first, { ...second, expectFields }] },
        {
          id: `304-${short}-update-stored-${name}`,
          kind,
          steps: [first, { ...second, pause: true }, { text, expect: 'cached', expectFields }],
        },
      ]
    }),
  )

const retainCase: Case = {
  id: '304-lm-use-stored-Test-Header',
  kind: 'required',
  steps: [
    {
      reply: [cc('max-age=1'), ['Last-Modified', 'Fri, 01 Jan 2016 01:01:01 GMT'], day, ['Test-Header', 'a']],
      pause: true,
    },
    {
      reply: [lasting, ['Last-Modified', 'Fri, 01 Jan 2016 01:01:01 GMT'], day],
      expect: 'lm_validated',
      expectFields: [['Test-Header', 'a']],
    },
  ],
}

const connectionCase: Case = {
  id: 'headers-omit-headers-listed-in-Connection',
  kind: 'required',
  steps: [
    { reply: [['Connection', 'a, b'], ['a', '1'], ['b', '2'], ['c', '3'], lasting, day], pause: true },
    { expect: 'cached', expectFields: [['c', '3']], expectMissing: ['Connection', 'a', 'b'] },
  ],
}

export const validationCases: readonly Case[] = [
  ...tagCases,
  ...dateCases,
  ...storeCases,
  ...updateCases,
  retainCase,
  connectionCase,
]
