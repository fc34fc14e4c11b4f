import { type Case, cc, fresh, kept, notKept, type Step } from './case.ts'

const cdn = (value: string): readonly [string, string] => ['CDN-Cache-Control', value]
const month = 30 * 24 * 60 * 60
const day: readonly [string, number] = ['Date', 0]
const expires = (text: string | number): readonly [string, string | number] => ['Expires', text]

const controlCases: Case[] = [
  notKept('required', 'freshness-none', []),
  kept('optimal', 'freshness-max-age', [cc('max-age=3600')]),
  {
    id: 'freshness-max-age-stale',
    kind: 'required',
    steps: [{ reply: [cc('max-age=2')] }, { expect: 'cached', pause: true }, { expect: 'not_cached' }],
  },
  notKept('required', 'freshness-max-age-0', [cc('max-age=0')]),
  kept('optimal', 'freshness-max-age-max', [cc('max-age=2147483648')]),
  kept('optimal', 'freshness-max-age-max-plus', [cc('max-age=99999999999')]),
  notKept('required', 'freshness-max-age-age', [day, cc('max-age=3600'), ['Age', '7200']]),
  notKept('required', 'freshness-max-age-negative', [cc('max-age=-100')]),
  kept('optimal', 'freshness-max-age-expires', [cc('max-age=3600'), expires(-10_000), day]),
  kept('optimal', 'freshness-max-age-expires-invalid', [cc('max-age=3600'), expires('0'), day]),
  notKept('required', 'freshness-max-age-0-expires', [expires(10_000), cc('max-age=0'), day]),
  kept('optimal', 'freshness-max-age-extension', [cc('foobar, max-age=3600')]),
  kept('optimal', 'freshness-max-age-case-insenstive', [cc('MaX-aGe=3600')]),
  kept('optimal', 'freshness-s-maxage-shared', [cc('s-maxage=3600')]),
  notKept('required', 'freshness-max-age-s-maxage-shared-longer', [cc('max-age=3600, s-maxage=1')]),
  notKept('required', 'freshness-max-age-s-maxage-shared-longer-reversed', [cc('s-maxage=1, max-age=3600')]),
  notKept('required', 'freshness-max-age-s-maxage-shared-longer-multiple', [
    cc('max-age=3600'),
    cc('s-maxage=1'),
  ]),
  kept('optimal', 'freshness-max-age-s-maxage-shared-shorter', [cc('max-age=1, s-maxage=3600')]),
  kept('optimal', 'freshness-max-age-s-maxage-shared-shorter-expires', [
    cc('max-age=1, s-maxage=3600'),
    expires(-10),
    day,
  ]),
]

const parseCases: Case[] = [
  kept('check', 'freshness-max-age-two-fresh-stale-sameline', [cc('max-age=1800, max-age=1')]),
  kept('check', 'freshness-max-age-two-fresh-stale-sepline', [cc('max-age=1800'), cc('max-age=1')]),
  kept('check', 'freshness-max-age-two-stale-fresh-sameline', [cc('max-age=1, max-age=1800')]),
  kept('check', 'freshness-max-age-two-stale-fresh-sepline', [cc('max-age=1'), cc('max-age=1800')]),
  notKept('required', 'freshness-max-age-ignore-quoted', [cc('extension="max-age=3600", max-age=1')]),
  notKept('required', 'freshness-max-age-ignore-quoted-rev', [cc('max-age=1, extension="max-age=3600"')]),
  kept('check', 'freshness-max-age-quoted', [cc('max-age="3600"')]),
  notKept('check', 'freshness-max-age-space-before-equals', [cc('max-age =3600')]),
  notKept('check', 'freshness-max-age-space-after-equals', [cc('max-age= 3600')]),
  kept('optimal', 'freshness-max-age-leading-zero', [cc('max-age=003600')]),
  notKept('required', 'freshness-max-age-single-quoted', [cc("max-age='3600'")]),
  kept('check', 'freshness-max-age-decimal-zero', [cc('max-age=3600.0')]),
  kept('check', 'freshness-max-age-decimal-five', [cc('max-age=3600.5')]),
  kept('check', 'freshness-max-age-a100', [cc('max-age=a3600')]),
  kept('check', 'freshness-max-age-100a', [cc('max-age=3600a')]),
]

const expiresCases: Case[] = [
  kept('optimal', 'freshness-expires-future', [expires(month), day]),
  notKept('required', 'freshness-expires-past', [expires(-month), day]),
  notKept('required', 'freshness-expires-present', [expires(0), day]),
  notKept('required', 'freshness-expires-old-date', [expires(300), ['Date', 400]]),
  notKept('required', 'freshness-expires-invalid', [expires('0'), day]),
  kept('optimal', 'freshness-expires-invalid-date', [['Date', 'foo'], expires(10)]),
  notKept('required', 'freshness-expires-age-slow-date', [['Date', -10], expires(10), ['Age', '25']]),
  notKept('required', 'freshness-expires-age-fast-date', [['Date', 10], expires(20), ['Age', '15']]),
  kept('optimal', 'freshness-expires-rfc850', [expires('Thursday, 18-Aug-50 02:01:18 GMT'), day]),
  kept('optimal', 'freshness-expires-ansi-c', [expires('Thu Aug 18 02:01:18 2050'), day]),
  ...Object.entries({
    'wrong-case-weekday': 'THU, 18 Aug 2050 02:01:18 GMT',
    'wrong-case-month': 'Thu, 18 AUG 2050 02:01:18 GMT',
    'wrong-case-tz': 'Thu, 18 Aug 2050 02:01:18 gMT',
    'invalid-utc': 'Thu, 18 Aug 2050 02:01:18 UTC',
    'invalid-2-digit-year': 'Thu, 18 Aug 50 02:01:18 GMT',
    'invalid-no-comma': 'Thu 18 Aug 2050 02:01:18 GMT',
    'invalid-multiple-spaces': 'Thu, 18  Aug  2050 02:01:18 GMT',
    'invalid-date-dashes': 'Thu, 18-Aug-2050 02:01:18 GMT',
    'invalid-time-periods': 'Thu, 18 Aug 2050 02.01.18 GMT',
    'invalid-1-digit-hour': 'Thu, 18 Aug 2050 2:01:18 GMT',
  }).map(([name, text]) => kept('check', `freshness-expires-${name}`, [expires(text), day])),
]

const ageCases: Case[] = Object.entries({
  nonnumeric: ['abc'],
  negative: ['-7200'],
  float: ['7200.0'],
  suffix: ['7200,0'],
  'suffix-twoline': ['7200', '0'],
  prefix: ['0,7200'],
  'prefix-twoline': ['0', '7200'],
  'dup-0': ['0, 0'],
  'dup-0-twoline': ['0', '0'],
  'dup-old': ['7200, 7200'],
  'dup-old-twoline': ['7200', '7200'],
}).map(([name, ages]) =>
  kept('check', `age-parse-${name}`, [day, cc('max-age=3600'), ...ages.map((age) => ['Age', age] as const)]),
)

const targetedCases: Case[] = [
  kept('optimal', 'cdn-max-age', [cdn('max-age=3600')]),
  kept('optimal', 'cdn-max-age-max', [cdn('max-age=2147483648')]),
  kept('optimal', 'cdn-max-age-max-plus', [cdn('max-age=99999999999')]),
  notKept('required', 'cdn-max-age-age', [day, cdn('max-age=3600'), ['Age', '7200']]),
  notKept('check', 'cdn-max-age-space-before-equals', [cc('max-age=1'), cdn('max-age =100')]),
  notKept('check', 'cdn-max-age-space-after-equals', [cc('max-age=1'), cdn('max-age= 100')]),
  notKept('required', 'cdn-max-age-0', [cdn('max-age=0')]),
  kept('optimal', 'cdn-max-age-extension', [cdn('foobar, max-age=3600')]),
  kept('check', 'cdn-max-age-case-insensitive', [cdn('MaX-aGe=3600')]),
  kept('optimal', 'cdn-max-age-expires', [cdn('max-age=3600'), expires(-10_000), day]),
  kept('optimal', 'cdn-max-age-cc-max-age-invalid-expires', [cdn('max-age=3600'), expires('0'), day]),
  notKept('required', 'cdn-max-age-0-expires', [cdn('max-age=0'), expires(10_000), day]),
  kept('optimal', 'cdn-max-age-short-cc-max-age', [cc('max-age=1'), cdn('max-age=3600')]),
  notKept('required', 'cdn-max-age-long-cc-max-age', [cc('max-age=3600'), cdn('max-age=1')]),
  notKept('required', 'cdn-private', [cdn('private'), cc('max-age=10000'), expires(10_000), day]),
  notKept('required', 'cdn-no-cache', [cdn('no-cache'), cc('max-age=10000'), expires(10_000), day]),
  notKept('required', 'cdn-no-store-cc-fresh', [cc('max-age=10000'), cdn('no-store'), expires(10_000), day]),
  kept('required', 'cdn-fresh-cc-nostore', [cc('no-store'), cdn('max-age=10000')]),
  notKept('required', 'cdn-cc-invalid-sh-type-unknown', [cdn('max-age=10000, &&&&&'), cc('no-store')]),
  notKept('required', 'cdn-cc-invalid-sh-type-wrong', [cdn('max-age="10000"'), cc('no-store')]),
  {
    id: 'cdn-remove-header',
    kind: 'check',
    steps: [{ reply: [cc('max-age=10000'), cdn('foo')], expectFields: [cdn('foo')] }],
  },
]

/** Heuristics are off unless they are asked for: the suite's `optimal` ones need them on. */
const heuristicCases: Case[] = [
  ...[200, 203, 204, 404, 405, 410, 414, 501].map((status) => heuristic('optimal', status, 'cached')),
  ...[201, 202, 403, 502, 503, 504, 599].map((status) => heuristic('required', status, 'not_cached')),
  heuristic('optimal', 599, 'cached', [cc('public')]),
  ...[5, 10, 30, 60, 300, 600, 1200, 1800, 3600, 43_200, 86_400].map((delta): Case => ({
    id: `heuristic-delta-${delta}`,
    kind: 'check',
    steps: [{ reply: [['Last-Modified', -delta], day] }, { expect: 'cached' }],
  })),
]

function heuristic(
  kind: Case['kind'],
  status: number,
  expect: 'cached' | 'not_cached',
  more: Step['reply'] = [],
): Case {
  const reply = [['Last-Modified', -86_400] as const, day, ...more]
  return {
    id: `heuristic-${status}-${expect}`,
    kind,
    steps: [
      { status, reply },
      { status, expect },
    ],
  }
}

const statusCases: Case[] = [
  200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599,
].flatMap((status): Case[] => [
  {
    id: `status-${status}-stale`,
    kind: 'required',
    steps: [
      { status, reply: [['Expires', -5000], ['Last-Modified', -100_000], day] },
      { expect: 'not_cached', status },
    ],
  },
  {
    id: `status-${status}-fresh`,
    kind: 'optimal',
    steps: [
      { ...fresh, status },
      { expect: 'cached', status },
    ],
  },
])

export const freshnessCases: readonly Case[] = [
  ...controlCases,
  ...parseCases,
  ...expiresCases,
  ...ageCases,
  ...targetedCases,
  ...heuristicCases,
  ...statusCases,
]
