import { bookmarkHeader, bookmarkMeaning } from '../../src/http/bookmark.ts'
import { routes } from '../../src/http/rest.ts'
import { sentence, table } from './markdown.ts'

interface Schema {
  $ref?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  items?: Schema
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  required?: string[]
  description?: string
  default?: unknown
  minimum?: number
  maximum?: number
}

type Content = Record<string, { schema?: Schema }>

interface Operation {
  tags: string[]
  summary: string
  description?: string
  parameters: {
    /** In place of all else: what every operation takes. */
    $ref?: string
    name: string
    in: string
    required?: boolean
    description?: string
    schema: Schema
  }[]
  requestBody?: { description?: string; content: Content }
  responses: Record<string, { description: string; content?: Content }>
}

interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

/** Just what `/api/v1/openapi.json` sends. */
export async function openApiJson(): Promise<string> {
  const route = routes.find(({ path }) => path === '/api/v1/openapi.json')
  const reply = await route?.handle({} as never)
  if (typeof reply?.body !== 'string') throw new Error('the route of the OpenAPI document has no text')
  return reply.body
}

export async function apiReference(): Promise<string> {
  const { paths, components } = JSON.parse(await openApiJson()) as Document
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))]
  return [
    '# REST API',
    'The server describes itself at `/api/v1/openapi.json` and, for people, at `/api/v1/docs`. This page and ' +
      '[openapi.json](openapi.json) are made of the same schemas that validate requests.',
    'Authenticate with an access key as HTTP Basic credentials (`curl -u "$ID:$SECRET"`) or with an API token as ' +
      '`Authorization: Bearer`. Anonymous requests may read the files of public buckets, and nothing else. Errors are ' +
      '[problem documents](errors.md).',
    'In a path, `{key}` is all that is left: percent-encode it, slashes may stay as they are. A key with `.` or `..` ' +
      'segments goes into the `key` parameter of the query instead, since clients and proxies fold them away.',
    `Every operation takes the header \`${bookmarkHeader}\`, and those that write may send it. ${bookmarkMeaning} See ` +
      '[Workers](../guides/workers.md#read-replicas).',
    ...tags.flatMap((tag) => [
      `## ${tag}`,
      ...operations
        .filter(({ operation }) => operation.tags.includes(tag))
        .map((each) => (isAlias(each, paths) ? showAlias(each) : showOperation(each))),
    ]),
    '## Shapes',
    ...Object.entries(components.schemas).map(
      ([name, schema]) => `### ${name}\n\n${sentence(schema.description ?? '')}\n\n${showFields(schema)}`,
    ),
  ].join('\n\n')
}

interface Described {
  readonly path: string
  readonly method: string
  readonly operation: Operation
}

/** The same operation with its key in the query. */
function isAlias({ path, method, operation }: Described, paths: Document['paths']): boolean {
  return paths[`${path}/{key}`]?.[method]?.summary === operation.summary
}

function showAlias({ path, method }: Described): string {
  const line = `${method.toUpperCase()} ${path}`
  return `### \`${line}?key={key}\`\n\nAs \`${line}/{key}\`, with the key in the query.`
}

function showOperation({ path, method, operation }: Described): string {
  const { summary, description, parameters, requestBody, responses } = operation
  // The introduction tells of the key that goes into the query.
  const shown = parameters.filter(
    ({ name, in: place, $ref }) =>
      $ref === undefined && place !== 'path' && !(name === 'key' && path.endsWith('{key}')),
  )
  return [
    `### \`${method.toUpperCase()} ${path}\``,
    [summary, description].map((text) => sentence(text ?? '')).join(' '),
    shown.length > 0 &&
      table(
        ['parameter', 'in', 'meaning'],
        shown.map(({ name, in: place, required, description: meaning = '', schema }) => [
          `\`${name}\``,
          place + (required ? ', required' : ''),
          [
            sentence(meaning),
            schema.type === 'string' && !schema.enum ? '' : sentence(showType(schema)),
            showDefault(schema),
          ]
            .filter(Boolean)
            .join(' '),
        ]),
      ),
    requestBody &&
      Object.entries(requestBody.content)
        .map(([type, { schema }]) => {
          const meaning = sentence(requestBody.description ?? '')
          return `Body: \`${type}\`. ${meaning}\n\n${schema ? showFields(schema) : ''}`
        })
        .join('\n\n'),
    'Replies:',
    Object.entries(responses)
      .map(([status, response]) => `- ${status}: ${response.description}${showContent(response.content)}`)
      .join('\n'),
  ]
    .filter(Boolean)
    .join('\n\n')
}

function showContent(content: Content = {}): string {
  return Object.entries(content)
    .map(([type, { schema }]) => {
      if (!schema) return ` (\`${type}\`)`
      const fields = schema.properties ? listFields(schema, '  ') : []
      return [`: ${showType(schema)}`, ...fields].join('\n')
    })
    .join('')
}

/** The members of an object, with those of objects inside it. */
function showFields(schema: Schema): string {
  if (schema.$ref) return `${showType(schema)}.`
  return listFields(schema, '').join('\n')
}

function listFields({ properties = {}, required = [] }: Schema, indent: string): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const parts = [
      sentence(`${showType(field)}${required.includes(name) ? '' : ', optional'}`),
      sentence(field.description ?? ''),
      showDefault(field),
    ]
    const inner = field.type === 'array' ? field.items : field
    return [
      `${indent}- \`${name}\`: ${parts.filter(Boolean).join(' ')}`,
      ...(inner?.properties ? listFields(inner, `${indent}  `) : []),
    ]
  })
}

function showDefault({ default: value }: Schema): string {
  return value === undefined || value === '' ? '' : `Default: \`${JSON.stringify(value)}\`.`
}

function showType(schema: Schema): string {
  const { $ref, type, format, items, anyOf, additionalProperties, maximum, minimum } = schema
  if ($ref) {
    const name = $ref.split('/').at(-1) as string
    return `[${name}](#${name.toLowerCase()})`
  }
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ')
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (anyOf) return anyOf.map(showType).join(' or ')
  if (type === 'array') return `array of ${items ? showType(items) : 'anything'}`
  if (type === 'object') {
    const map = typeof additionalProperties === 'object' && !schema.properties
    return map ? `object of ${showType(additionalProperties)}` : 'object'
  }
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
  return [
    Array.isArray(type) ? type.join(' or ') : (type ?? 'anything'),
    format && `(${format})`,
    bounded && `${minimum ?? 0} to ${maximum}`,
  ]
    .filter(Boolean)
    .join(' ')
}
