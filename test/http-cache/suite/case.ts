/**
 * The cases of the public suite for HTTP caches, https://github.com/http-tests/cache-tests (Mark Nottingham and others, BSD
 * 3-Clause), told again in a notation of our own, under the suite's names. Not told: interim responses, which `fetch` does not
 * show, Surrogate-Control, which is no standard, and what only browsers' caches can do.
 */
export interface Case {
  readonly id: string
  /** `required` is a must of the RFC, `optimal` what a good cache does; `check` only asks, and no answer is wrong. */
  readonly kind: 'required' | 'optimal' | 'check'
  readonly steps: readonly Step[]
}

/** A number stands for a date so many seconds from now. */
export type Field = readonly [name: string, value: string | number]

export interface Step {
  readonly method?: string
  readonly path?: string
  readonly ask?: readonly Field[]
  readonly askBody?: string
  /** The origin's status, fields and body. */
  readonly status?: number
  readonly reply?: readonly Field[]
  readonly text?: string | null
  /** The origin breaks the connection. */
  readonly broken?: boolean
  readonly expect?: 'cached' | 'not_cached' | 'etag_validated' | 'lm_validated'
  readonly expectStatus?: number
  readonly expectText?: string
  /** A bound: greater than that. */
  readonly expectFields?: readonly (Field | readonly [name: string, above: '>', bound: number])[]
  readonly expectMissing?: readonly string[]
  /** Of the request that the origin sees. */
  readonly expectAsked?: readonly Field[]
  readonly expectNotAsked?: readonly Field[]
  readonly expectMethod?: string
  /** Three seconds pass afterwards. */
  readonly pause?: boolean
}

export const pauseMs = 3000

export const fresh: Step = {
  reply: [
    ['Expires', 100_000],
    ['Cache-Control', 'max-age=100000'],
    ['Last-Modified', 0],
    ['Date', 0],
  ],
}
export const stale: Step = {
  reply: [
    ['Expires', -5000],
    ['Last-Modified', -100_000],
    ['Date', 0],
  ],
}
export const becomesStale = (...more: Field[]): Step => ({
  reply: [['Cache-Control', 'max-age=2'], ['Template-A', '1'], ...more],
  pause: true,
})

/** One response, three seconds, and whether it is used for the next request. */
export function kept(
  kind: Case['kind'],
  id: string,
  reply: readonly Field[],
  expect: 'cached' | 'not_cached' = 'cached',
): Case {
  return { id, kind, steps: [{ reply, pause: true }, { expect }] }
}

export const notKept = (kind: Case['kind'], id: string, reply: readonly Field[]): Case =>
  kept(kind, id, reply, 'not_cached')

export const cc = (value: string): Field => ['Cache-Control', value]
