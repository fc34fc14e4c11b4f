import { describe, expect, test } from 'vitest'
import { createHttpCache, createMemoryStore } from '../../src/http-cache/index.ts'
import type { Case } from './suite/case.ts'
import { freshnessCases } from './suite/freshness-cases.ts'
import { requestCases } from './suite/request-cases.ts'
import { type Engine, runCase } from './suite/run-case.ts'
import { selectionCases } from './suite/selection-cases.ts'
import { validationCases } from './suite/validation-cases.ts'

/** workerd cannot make requests with methods it does not know, such as M-SEARCH. */
function canAsk({ steps }: Case): boolean {
  try {
    return steps.every(({ method = 'GET' }) => new Request('http://a.test', { method }))
  } catch {
    return false
  }
}

const cases = [...freshnessCases, ...requestCases, ...validationCases, ...selectionCases].filter(canAsk)

/** `optimal` ones that do not pass, with the reason. */
const declined: Record<string, string> = {
  'method-POST': 'responses to POST are never kept',
  'partial-store-partial-reuse-partial': 'only complete responses are kept',
  'partial-store-partial-reuse-partial-byterange': 'only complete responses are kept',
  'partial-store-partial-reuse-partial-absent': 'only complete responses are kept',
  'partial-store-partial-reuse-partial-suffix': 'only complete responses are kept',
  'partial-store-partial-complete': 'only complete responses are kept',
}

const createEngine =
  (options: { heuristics: boolean }) =>
  (clock: () => number): Engine =>
    createHttpCache({ store: createMemoryStore({ bytesMax: 1024 ** 2 }), clock, ...options })

const run = (each: Case) => runCase(each, createEngine({ heuristics: each.id.startsWith('heuristic-') }))

describe('the public suite', () => {
  test.each(cases.filter(({ kind }) => kind === 'required'))('required: $id', async (each) => {
    expect(await run(each)).toBeUndefined()
  })

  test.each(cases.filter(({ kind }) => kind === 'optimal'))('optimal: $id', async (each) => {
    const wrong = await run(each)
    expect(wrong === undefined).toBe(!(each.id in declined))
  })
})
