import { errorCodes } from '../core/errors.ts'
import type { openApiDocument } from './openapi.ts'
import { problemStatuses } from './problem.ts'

interface Parameter {
  name: string
  in: string
  required?: boolean
  description?: string
}

interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  parameters: Parameter[]
  requestBody?: { description?: string; content: Record<string, { schema?: unknown }> }
  responses: Record<string, { description: string; content?: Record<string, { schema?: unknown }> }>
}

/** The API for people: one page without a script, made of the OpenAPI document. */
export function docsPage(document: ReturnType<typeof openApiDocument>): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method,
      operation: operation as Operation,
    })),
  )
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))]
  const schemas = document.components.schemas
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cutty API ${escapeHtml(document.info.version)}</title>
<style>${style}</style>
<header>
  <h1>cutty <small>API ${escapeHtml(document.info.version)}</small></h1>
  <p>${escapeHtml(document.info.description)} This page is made of <a href="openapi.json">openapi.json</a>.
  Authenticate by HTTP Basic with an access key id and its secret, or by <code>Authorization: Bearer</code> with an
  API token.</p>
  <nav>${tags.map((tag) => `<a href="#tag-${tag}">${tag}</a>`).join(' ')} <a href="#shapes">Shapes</a> <a href="#errors">Errors</a></nav>
</header>
<main>
${tags
  .map(
    (tag) => `<section id="tag-${tag}"><h2>${tag}</h2>
${operations
  .filter(({ operation }) => operation.tags.includes(tag))
  .map(showOperation)
  .join('\n')}
</section>`,
  )
  .join('\n')}
<section id="shapes"><h2>Shapes</h2>
${Object.entries(schemas)
  .map(
    ([name, schema]) =>
      `<details id="shape-${name}"><summary>${name}</summary><pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre></details>`,
  )
  .join('\n')}
</section>
<section id="errors"><h2>Errors</h2>
<p>Errors are <a href="https://www.rfc-editor.org/rfc/rfc9457">problem details</a> with a stable <code>code</code>.</p>
<table>${Object.entries(errorCodes)
    .map(
      ([code, title]) =>
        `<tr id="error-${code}"><td><code>${code}</code><td>${problemStatuses[code as keyof typeof errorCodes]}<td>${title}</tr>`,
    )
    .join('\n')}</table>
</section>
</main>
</html>
`
}

function showOperation({
  path,
  method,
  operation,
}: {
  path: string
  method: string
  operation: Operation
}): string {
  const { summary, description, requestBody, responses } = operation
  const parameters = operation.parameters.filter((each) => !('$ref' in each))
  return `<details id="${operation.operationId}">
<summary><b class="${method}">${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code> <span>${escapeHtml(summary)}</span></summary>
${description ? `<p>${escapeHtml(description)}</p>` : ''}
${
  parameters.length > 0
    ? `<table>${parameters
        .map(
          ({ name, in: place, required, description: text = '' }) =>
            `<tr><td><code>${escapeHtml(name)}</code><td>${place}${required ? ', required' : ''}<td>${escapeHtml(text)}</tr>`,
        )
        .join('')}</table>`
    : ''
}
${requestBody ? `<h4>Body</h4>${showContent(requestBody.content, requestBody.description)}` : ''}
<h4>Replies</h4>
<table>${Object.entries(responses)
    .map(
      ([status, response]) =>
        `<tr><td>${status}<td>${escapeHtml(response.description)}<td>${showContent(response.content ?? {})}</tr>`,
    )
    .join('')}</table>
</details>`
}

function showContent(content: Record<string, { schema?: unknown }>, description = ''): string {
  return Object.entries(content)
    .map(([type, { schema }]) => {
      const text = [type, description].filter(Boolean).join(': ')
      if (!schema) return escapeHtml(text)
      const reference = (schema as { $ref?: string }).$ref?.split('/').at(-1)
      return reference
        ? `${escapeHtml(text)} <a href="#shape-${reference}">${reference}</a>`
        : `${escapeHtml(text)}<pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre>`
    })
    .join('')
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)
}

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent) }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem }
h1 small { font-weight: 400; opacity: .6 } h2 { margin-top: 2rem } h4 { margin: 1rem 0 .25rem }
nav a { margin-right: .75rem } code, pre { font: 13px/1.45 ui-monospace, monospace }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .4rem .7rem }
summary { cursor: pointer } summary span { opacity: .7 } summary b { display: inline-block; min-width: 4.8em }
b.get { color: #0a7d44 } b.put, b.post { color: #1660c4 } b.patch { color: #a05a00 } b.delete { color: #c02626 }
table { border-collapse: collapse; width: 100% } td { border-top: 1px solid var(--line); padding: .25rem .6rem .25rem 0; vertical-align: top }
pre { overflow: auto; background: color-mix(in srgb, currentColor 6%, transparent); padding: .6rem; border-radius: 4px; max-height: 24rem }
`
