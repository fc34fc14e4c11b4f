import { becomesStale, type Case, cc, fresh, kept, notKept, stale, type Step } from './case.ts'

const day: readonly [string, number] = ['Date', 0]
const aged = (age: string) => [cc('max-age=1500'), ['Age', age]] as const
const lasting = cc('max-age=3600')
const tag: readonly [string, string] = ['ETag', '"abcd"']

/** A stored response, and a request with a directive. */
const asked = (
  id: string,
  reply: Step['reply'],
  directive: string,
  expect: Step['expect'],
  pause = false,
): Case => ({
  id,
  kind: 'check',
  steps: [
    { reply: reply ?? [], pause },
    { ask: [cc(directive)], ...(expect && { expect }) },
  ],
})

const directiveCases: Case[] = [
  asked('ccreq-ma0', fresh.reply, 'max-age=0', 'not_cached', true),
  asked('ccreq-ma1', fresh.reply, 'max-age=1', 'not_cached', true),
  asked('ccreq-magreaterage', [lasting, ['Age', '1800']], 'max-age=600', 'not_cached'),
  asked('ccreq-max-stale', [cc('max-age=1')], 'max-stale=1000', 'cached', true),
  asked('ccreq-max-stale-age', aged('2000'), 'max-stale=1000', 'cached'),
  asked('ccreq-min-fresh', [cc('max-age=1500')], 'min-fresh=2000', 'not_cached'),
  asked('ccreq-min-fresh-age', aged('1000'), 'min-fresh=1000', 'not_cached'),
  asked('ccreq-no-cache', [lasting], 'no-cache', 'not_cached'),
  asked('ccreq-no-cache-lm', [lasting, ['Last-Modified', -10_000], day], 'no-cache', 'lm_validated'),
  asked('ccreq-no-cache-etag', [lasting, tag], 'no-cache', 'etag_validated'),
  asked('ccreq-no-store', [lasting], 'no-store', 'not_cached'),
  { id: 'ccreq-oic', kind: 'check', steps: [{ ask: [cc('only-if-cached')], expectStatus: 504, text: null }] },
  {
    id: 'pragma-request-no-cache',
    kind: 'check',
    steps: [{ reply: [lasting] }, { ask: [['Pragma', 'no-cache']], expect: 'cached' }],
  },
  {
    id: 'pragma-request-extension',
    kind: 'check',
    steps: [{ reply: [lasting] }, { ask: [['Pragma', 'unrecognised-extension']], expect: 'cached' }],
  },
  kept('check', 'pragma-response-no-cache', [lasting, ['Pragma', 'no-cache']]),
  kept('check', 'pragma-response-no-cache-heuristic', [
    ['Last-Modified', -10_000],
    ['Pragma', 'no-cache'],
  ]),
  kept('check', 'pragma-response-extension', [lasting, ['Pragma', 'unrecognised-extension']]),
]

const responseCases: Case[] = [
  notKept('required', 'cc-resp-private-shared', [cc('private, max-age=3600')]),
  notKept('required', 'cc-resp-no-store', [cc('no-store')]),
  notKept('required', 'cc-resp-no-store-case-insensitive', [cc('No-StOrE')]),
  notKept('required', 'cc-resp-no-store-fresh', [cc('max-age=10000, no-store'), ['Expires', 10_000], day]),
  ...['no-store', 'no-store, max-age=0'].map((second, index): Case => ({
    id: ['cc-resp-no-store-old-new', 'cc-resp-no-store-old-max-age'][index] as string,
    kind: 'check',
    steps: [
      { reply: [cc('max-age=10000'), ['Expires', 10_000], day, ['A', '1']], pause: true },
      { reply: [cc(second), day, ['A', '2']], pause: true },
      { expect: 'cached', expectFields: [['A', '1']] },
    ],
  })),
  notKept('required', 'cc-resp-no-cache', [cc('max-age=10000, no-cache'), ['Expires', 10_000], day]),
  notKept('required', 'cc-resp-no-cache-case-insensitive', [
    cc('max-age=10000, No-CaChE'),
    ['Expires', 10_000],
    day,
  ]),
  {
    id: 'cc-resp-no-cache-revalidate',
    kind: 'optimal',
    steps: [{ reply: [cc('no-cache'), tag] }, { expect: 'etag_validated' }],
  },
  {
    id: 'cc-resp-no-cache-revalidate-fresh',
    kind: 'optimal',
    steps: [
      { reply: [cc('max-age=10000, no-cache'), ['Expires', 10_000], day, tag] },
      { expect: 'etag_validated' },
    ],
  },
  {
    id: 'headers-omit-headers-listed-in-Cache-Control-no-cache-single',
    kind: 'check',
    steps: [
      { reply: [cc('no-cache="a"'), ['a', '1'], ['b', '2'], lasting, day], pause: true },
      { expect: 'cached', expectFields: [['b', '2']], expectMissing: ['a'] },
    ],
  },
  {
    id: 'headers-omit-headers-listed-in-Cache-Control-no-cache',
    kind: 'check',
    steps: [
      { reply: [cc('no-cache="a, b"'), ['a', '1'], ['b', '2'], ['c', '3'], lasting, day], pause: true },
      { expect: 'cached', expectFields: [['c', '3']], expectMissing: ['a', 'b'] },
    ],
  },
  {
    id: 'cc-resp-must-revalidate-fresh',
    kind: 'optimal',
    steps: [{ reply: [cc('max-age=10000, must-revalidate'), tag] }, { expect: 'cached' }],
  },
  {
    id: 'cc-resp-must-revalidate-stale',
    kind: 'required',
    steps: [
      { reply: [cc('max-age=2, must-revalidate'), tag] },
      { expect: 'cached', pause: true, reply: [cc('max-age=2, must-revalidate'), tag] },
      { expect: 'etag_validated' },
    ],
  },
]

const authorization = ['Authorization', 'FOO'] as const
const authorizationCases: Case[] = Object.entries({
  '': ['Expires', 30 * 86_400] as const,
  '-public': cc('max-age=3600, public'),
  '-must-revalidate': cc('max-age=3600, must-revalidate'),
  '-smaxage': cc('s-maxage=3600'),
}).map(([name, field]): Case => ({
  id: `other-authorization${name}`,
  kind: name === '' ? 'required' : 'optimal',
  steps: [
    { ask: [authorization], expectAsked: [authorization], reply: [field, day], pause: true },
    { expect: name === '' ? 'not_cached' : 'cached' },
  ],
}))

const staleCases: Case[] = [
  ...['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=2'].map((directive): Case => ({
    id: `stale-close-${directive}`,
    kind: 'required',
    steps: [
      { reply: [cc(`max-age=2, ${directive}`)], pause: true },
      { broken: true, expect: 'not_cached' },
    ],
  })),
  { id: 'stale-close', kind: 'check', steps: [becomesStale(), { broken: true, expect: 'cached' }] },
  {
    id: 'stale-503',
    kind: 'check',
    steps: [becomesStale(), { status: 503, expectStatus: 200, expect: 'cached' }],
  },
  {
    id: 'stale-sie-close',
    kind: 'check',
    steps: [
      { reply: [cc('max-age=2, stale-if-error=60')], pause: true },
      { broken: true, expect: 'cached' },
    ],
  },
  {
    id: 'stale-sie-503',
    kind: 'check',
    steps: [
      { reply: [cc('max-age=2, stale-if-error=60')], pause: true },
      { status: 503, expectStatus: 200, expect: 'cached' },
    ],
  },
  {
    id: 'stale-while-revalidate',
    kind: 'check',
    steps: [
      { reply: [cc('max-age=1, stale-while-revalidate=3600'), ['ETag', '"abc"']], pause: true },
      { expect: 'cached' },
    ],
  },
  {
    id: 'stale-while-revalidate-window',
    kind: 'check',
    steps: [
      { reply: [cc('max-age=1, stale-while-revalidate=1'), ['ETag', '"abc"']], pause: true },
      { expect: 'not_cached' },
    ],
  },
]

const otherCases: Case[] = [
  {
    id: 'other-age-gen',
    kind: 'required',
    steps: [
      { reply: [['Expires', 30 * 86_400], day], pause: true },
      { expect: 'cached', expectFields: [['Age', '>', 2]] },
    ],
  },
  {
    id: 'other-age-update-expires',
    kind: 'required',
    steps: [
      { reply: [['Expires', 30 * 86_400], day, ['Age', '30']], pause: true },
      { expect: 'cached', expectFields: [['Age', '>', 32]] },
    ],
  },
  {
    id: 'other-age-update-max-age',
    kind: 'required',
    steps: [
      { reply: [cc('max-age=600'), day, ['Age', '30']], pause: true },
      { expect: 'cached', expectFields: [['Age', '>', 32]] },
    ],
  },
  {
    id: 'other-date-update',
    kind: 'required',
    steps: [
      { reply: [['Expires', 30 * 86_400], day], pause: true },
      { expect: 'cached', expectFields: [['Date', -3]] },
    ],
  },
  {
    id: 'query-args-different',
    kind: 'required',
    steps: [
      { ...fresh, path: '?test=1' },
      { path: '?test=2', expect: 'not_cached' },
    ],
  },
  {
    id: 'query-args-same',
    kind: 'optimal',
    steps: [
      { ...fresh, path: '?test=1' },
      { path: '?test=1', expect: 'cached' },
    ],
  },
  kept('check', 'other-heuristic-content-disposition-attachment', [
    ['Last-Modified', -100_000],
    day,
    ['Content-Disposition', 'attachment; filename=example.txt'],
  ]),
  kept('check', 'other-fresh-content-disposition-attachment', [
    lasting,
    ['Content-Disposition', 'attachment; filename=example.txt'],
  ]),
  kept('optimal', 'other-set-cookie', [lasting, ['Set-Cookie', 'a=b']]),
  {
    id: 'other-cookie',
    kind: 'optimal',
    steps: [{ reply: [lasting] }, { ask: [['Cookie', 'a=b']], expect: 'cached' }],
  },
  {
    id: 'method-POST',
    kind: 'optimal',
    steps: [
      {
        method: 'POST',
        askBody: '12345',
        reply: [['Expires', 30 * 86_400], ['Content-Location', '/case'], day],
        pause: true,
      },
      { expect: 'cached' },
    ],
  },
]

const headCases: Case[] = [
  {
    id: 'head-writethrough',
    kind: 'check',
    steps: [becomesStale(), { method: 'HEAD', expectMethod: 'HEAD' }],
  },
  {
    id: 'head-200-retain',
    kind: 'check',
    steps: [becomesStale(), { method: 'HEAD', expectMethod: 'HEAD', expectFields: [['Template-A', '1']] }],
  },
  {
    id: 'head-200-freshness-update',
    kind: 'check',
    steps: [
      becomesStale(),
      { method: 'HEAD', expectMethod: 'HEAD', reply: [cc('max-age=1000')] },
      { expect: 'cached' },
    ],
  },
  {
    id: 'head-200-update',
    kind: 'check',
    steps: [
      becomesStale(),
      { method: 'HEAD', expectMethod: 'HEAD', reply: [['Template-A', '2'], cc('max-age=1000')] },
      { expect: 'cached', expectFields: [['Template-A', '2']] },
    ],
  },
  {
    id: 'head-410-update',
    kind: 'check',
    steps: [
      becomesStale(),
      { method: 'HEAD', expectMethod: 'HEAD', status: 410, reply: [['Template-A', '2'], cc('max-age=1000')] },
      { expect: 'cached', expectFields: [['Template-A', '2']] },
    ],
  },
]

const invalidationCases: Case[] = ['POST', 'PUT', 'DELETE', 'M-SEARCH'].flatMap((method): Case[] => {
  const named: Step = {
    method,
    askBody: 'abc',
    reply: [
      ['Location', '/location'],
      ['Content-Location', '/content-location'],
    ],
  }
  return [
    {
      id: `invalidate-${method}`,
      kind: 'required',
      steps: [fresh, { method, askBody: 'abc' }, { expect: 'not_cached' }],
    },
    {
      id: `invalidate-${method}-failed`,
      kind: 'optimal',
      steps: [fresh, { method, askBody: 'abc', status: 500 }, { expect: 'cached' }],
    },
    {
      id: `invalidate-${method}-location`,
      kind: 'required',
      steps: [{ ...fresh, path: '/location' }, named, { path: '/location', expect: 'not_cached' }],
    },
    {
      id: `invalidate-${method}-cl`,
      kind: 'required',
      steps: [
        { ...fresh, path: '/content-location' },
        named,
        { path: '/content-location', expect: 'not_cached' },
      ],
    },
  ]
})

export const requestCases: readonly Case[] = [
  ...directiveCases,
  ...responseCases,
  ...authorizationCases,
  ...staleCases,
  ...otherCases,
  ...headCases,
  ...invalidationCases,
  { id: 'other-warning', kind: 'check', steps: [stale, { expectFields: [['warning', '>', 0]] }] },
]
