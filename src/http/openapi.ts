import { z } from 'zod'
import { errorCodes } from '../core/errors.ts'
import { bookmarkHeader, bookmarkMeaning } from './bookmark.ts'
import { problemStatuses } from './problem.ts'
import type { ResponseDescription, Route } from './route.ts'

/** The OpenAPI 3.1 document of a table of routes, made of the schemas that validate. */
export function openApiDocument(routes: readonly Route[], version: string) {
  const components: Record<string, unknown> = { Problem: problemSchema }
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replace('…', '')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, components) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'cutty',
      version,
      description: 'A file store and delivery service.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ accessKey: [] }, { token: [] }],
    paths,
    components: {
      schemas: components,
      parameters: {
        bookmark: {
          name: bookmarkHeader,
          in: 'header',
          description: bookmarkMeaning,
          schema: { type: 'string' },
        },
      },
      headers: { bookmark: { description: bookmarkMeaning, schema: { type: 'string' } } },
      securitySchemes: {
        accessKey: { type: 'http', scheme: 'basic', description: 'Access key id and secret.' },
        token: { type: 'http', scheme: 'bearer', description: 'An API token.' },
      },
    },
  }
}

/** A response that is an error. */
export function problem(description: string): ResponseDescription {
  return { description, type: 'application/problem+json' }
}

const problemSchema = {
  type: 'object',
  description: 'RFC 9457. `code` is stable.',
  required: ['type', 'title', 'status', 'code', 'detail', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer', enum: [...new Set(Object.values(problemStatuses))].toSorted((a, b) => a - b) },
    code: { type: 'string', enum: Object.keys(errorCodes) },
    detail: { type: 'string' },
    requestId: { type: 'string' },
  },
}

function operation(route: Route, components: Record<string, unknown>) {
  const query = route.query ? jsonSchema(route.query, 'input', components) : undefined
  const required = new Set((query?.['required'] ?? []) as string[])
  const pathParameters = [...route.path.matchAll(/\{(\w+)(…?)\}/g)].map(([, name, rest]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
    ...(rest && {
      description: 'All that is left of the path, percent-encoded; slashes may stay as they are.',
    }),
  }))
  const queryParameters = Object.entries((query?.['properties'] ?? {}) as Record<string, object>).map(
    ([name, { description, ...schema }]: [string, { description?: string }]) => ({
      name,
      in: 'query',
      required: required.has(name),
      ...(description && { description }),
      schema,
    }),
  )
  const headerParameters = Object.entries(route.headers ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  }))
  const body = route.body
    ? {
        // Schemas that make something of nothing do not need a body.
        required: !route.body.safeParse(undefined).success,
        content: { 'application/json': { schema: jsonSchema(route.body, 'input', components) } },
      }
    : route.rawBody && {
        required: true,
        description: route.rawBody.description,
        content: { [route.rawBody.type]: {} },
      }
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    ...(route.description && { description: route.description }),
    parameters: [
      ...pathParameters,
      ...queryParameters,
      ...headerParameters,
      // Of every operation.
      { $ref: '#/components/parameters/bookmark' },
    ],
    ...(body && { requestBody: body }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.responses).map(([status, response]) => [
          status,
          {
            ...showResponse(response, components),
            ...(route.method !== 'GET' && Number(status) < 300 && { headers: bookmarkHeaders }),
          },
        ]),
      ),
      default: {
        description: 'An error',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

const bookmarkHeaders = { [bookmarkHeader]: { $ref: '#/components/headers/bookmark' } }

function showResponse(
  { description, schema, type }: ResponseDescription,
  components: Record<string, unknown>,
) {
  if (schema) {
    return {
      description,
      content: { 'application/json': { schema: jsonSchema(schema, 'output', components) } },
    }
  }
  if (type === 'application/problem+json') {
    return { description, content: { [type]: { schema: { $ref: '#/components/schemas/Problem' } } } }
  }
  return type ? { description, content: { [type]: {} } } : { description }
}

function operationId({ method, path }: Route): string {
  const words = path.replace('/api/v1', '').match(/\w+/g) ?? []
  return [method.toLowerCase(), ...words].map((word, index) => (index ? capital(word) : word)).join('')
}

function capital(word: string): string {
  return word[0]?.toUpperCase() + word.slice(1)
}

/** A JSON Schema, with named shapes moved to the components. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', components: Record<string, unknown>) {
  const {
    $schema: _,
    $defs = {},
    ...own
  } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<string, unknown>
  for (const [name, definition] of Object.entries($defs as Record<string, unknown>)) {
    components[name] = rewriteReferences(definition)
  }
  const rewritten = rewriteReferences(own) as Record<string, unknown>
  const id = rewritten['id']
  if (typeof id !== 'string') return rewritten
  components[id] = rewritten
  return { $ref: `#/components/schemas/${id}` } as Record<string, unknown>
}

function rewriteReferences(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/'))
}
