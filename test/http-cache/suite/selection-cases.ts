import { type Case, cc, type Field, type Step } from './case.ts'

const vary = (names: string, ...more: Field[]): Field[] => [
  cc('max-age=5000'),
  ['Last-Modified', -3000],
  ['Date', 0],
  ['Vary', names],
  ...more,
]
const foo = (value: string): Field => ['Foo', value]
const bar: Field = ['Bar', 'abc']
const baz: Field = ['Baz', '789']

const pair = (
  id: string,
  kind: Case['kind'],
  expect: Step['expect'],
  { names, first, second }: { names: string; first: readonly Field[]; second: readonly Field[] },
): Case => ({
  id,
  kind,
  steps: [
    { ask: first, reply: vary(names) },
    { ask: second, ...(expect && { expect }) },
  ],
})

const three = 'Foo, Bar, Baz'
const varyCases: Case[] = [
  pair('vary-match', 'optimal', 'cached', { names: 'Foo', first: [foo('1')], second: [foo('1')] }),
  pair('vary-no-match', 'required', 'not_cached', { names: 'Foo', first: [foo('1')], second: [foo('2')] }),
  pair('vary-omit-stored', 'required', 'not_cached', { names: 'Foo', first: [], second: [foo('1')] }),
  pair('vary-omit', 'required', 'not_cached', { names: 'Foo', first: [foo('1')], second: [] }),
  {
    id: 'vary-invalidate',
    kind: 'optimal',
    steps: [
      { ask: [foo('1')], reply: vary('Foo'), text: 'foo_1' },
      { ask: [foo('2')], reply: vary('Foo'), text: 'foo_2', expect: 'not_cached' },
      { ask: [foo('1')], text: 'foo_1', expect: 'cached' },
    ],
  },
  pair('vary-cache-key', 'optimal', 'cached', {
    names: 'Foo',
    first: [foo('1'), ['Other', '2']],
    second: [foo('1'), ['Other', '3']],
  }),
  pair('vary-2-match', 'optimal', 'cached', {
    names: 'Foo, Bar',
    first: [foo('1'), bar],
    second: [foo('1'), bar],
  }),
  pair('vary-2-no-match', 'required', 'not_cached', {
    names: 'Foo, Bar',
    first: [foo('1'), bar],
    second: [foo('2'), bar],
  }),
  pair('vary-2-match-omit', 'required', 'not_cached', { names: 'Foo, Bar', first: [foo('1')], second: [] }),
  pair('vary-3-match', 'optimal', 'cached', {
    names: three,
    first: [foo('1'), bar, baz],
    second: [foo('1'), bar, baz],
  }),
  pair('vary-3-no-match', 'required', 'not_cached', {
    names: three,
    first: [foo('1'), bar, baz],
    second: [foo('2'), bar, baz],
  }),
  pair('vary-3-order', 'required', 'not_cached', {
    names: three,
    first: [foo('1'), ['Bar', 'abcde'], baz],
    second: [foo('1'), bar, baz],
  }),
  pair('vary-3-omit', 'optimal', 'cached', { names: three, first: [foo('1'), baz], second: [foo('1'), baz] }),
  pair('vary-star', 'required', 'not_cached', {
    names: '*',
    first: [foo('1'), baz],
    second: [foo('1'), baz],
  }),
  pair('vary-normalise-space', 'check', 'cached', {
    names: 'Foo',
    first: [foo('1,2')],
    second: [foo(' 1, 2 ')],
  }),
  pair('vary-normalise-combine', 'check', 'cached', {
    names: 'Foo',
    first: [foo('1, 2')],
    second: [foo('1'), foo('2')],
  }),
  pair('vary-normalise-lang-order', 'check', 'cached', {
    names: 'Accept-Language',
    first: [['Accept-Language', 'en, de']],
    second: [['Accept-Language', 'de, en']],
  }),
  ...Object.entries({
    star: ['*'],
    'star-star': ['*, *'],
    'star-star-lines': ['*', '*'],
    'empty-star': [', *'],
    'empty-star-lines': ['', '*'],
    'star-foo': ['*, Foo'],
    'foo-star': ['Foo, *'],
  }).map(([name, [first = '', ...more]]): Case => ({
    id: `vary-syntax-${name}`,
    kind: 'required',
    steps: [
      { ask: [foo('1'), baz], reply: vary(first, ...more.map((value): Field => ['Vary', value])) },
      { ask: [foo('1'), baz], expect: 'not_cached' },
    ],
  })),
]

const whole: Step = { reply: [cc('max-age=3600')], text: '0123456789A' }
const part: Step = {
  ask: [['Range', 'bytes=-5']],
  status: 206,
  reply: [cc('max-age=3600'), ['Content-Range', 'bytes 4-9/10']],
  text: '01234',
}
const reuse = (range: string, expectText: string): Step => ({
  ask: [['Range', range]],
  expect: 'cached',
  expectStatus: 206,
  expectText,
})

const fromPart = (what: string, ...reused: [range: string, expectText: string]): Case => ({
  id: `partial-store-partial-reuse-partial${what}`,
  kind: 'optimal',
  steps: [part, reuse(...reused)],
})
const fromWhole = (what: string, ...reused: [range: string, expectText: string]): Case => ({
  id: `partial-store-complete-reuse-partial${what}`,
  kind: 'optimal',
  steps: [whole, reuse(...reused)],
})

/** Ours keeps complete responses only: the suite's five cases about stored parts are not for it. */
const partialCases: Case[] = [
  fromPart('', 'bytes=-5', '01234'),
  fromWhole('', 'bytes=0-1', '01'),
  fromWhole('-no-last', 'bytes=1-', '123456789A'),
  fromWhole('-suffix', 'bytes=-1', 'A'),
  fromPart('-byterange', 'bytes=6-8', '234'),
  fromPart('-absent', 'bytes=6-', '234'),
  fromPart('-suffix', 'bytes=-1', '4'),
  {
    id: 'partial-store-partial-complete',
    kind: 'optimal',
    steps: [part, { expectAsked: [['Range', 'bytes=0-3']] }],
  },
]

export const selectionCases: readonly Case[] = [...varyCases, ...partialCases]
