import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, test } from 'vitest'
import { version } from '../../src/core/version.ts'
import { routes } from '../../src/http/rest.ts'
import { openApiDocument } from '../../src/http/openapi.ts'

const document = JSON.parse(JSON.stringify(openApiDocument(routes, version))) as Record<string, unknown>

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(document)
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    expect(validator.version).toBe('3.1')
  })

  test('refers only to what is in it', () => {
    const text = JSON.stringify(document)
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference as string)
    expect(references.length).toBeGreaterThan(5)
    for (const reference of new Set(references)) {
      expect(reference).toMatch(/^#\//)
      const target = reference
        .slice(2)
        .split('/')
        .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], document)
      expect(target, reference).toBeDefined()
    }
  })

  test('describes each parameter of each path, and each response', () => {
    const paths = document['paths'] as Record<string, Record<string, Operation>>
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { parameters, responses, summary }] of Object.entries(operations)) {
        const inPath = parameters.filter((each) => each.in === 'path').map(({ name }) => name)
        expect(inPath, `${method} ${path}`).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
        expect(summary.length).toBeGreaterThan(3)
        expect(Object.values(responses).every(({ description }) => description.length > 2)).toBe(true)
        expect(Object.keys(responses)).toContain('default')
      }
    }
  })
})

interface Operation {
  parameters: { name: string; in: string }[]
  responses: Record<string, { description: string }>
  summary: string
}
