import { docsPage } from '../docs-page.ts'
import { openApiDocument } from '../openapi.ts'
import { defineRoute, type Route } from '../route.ts'
import { version } from '../../core/version.ts'

/** The description of the other routes, for machines and for people. */
export function documentRoutes(routes: readonly Route[]): Route[] {
  let json: string | undefined
  let page: string | undefined
  return [
    defineRoute({
      method: 'GET',
      path: '/',
      tag: 'Documents',
      summary: 'To the page',
      responses: { 302: { description: 'To /api/v1/docs' } },
      handle: () => ({ status: 302, headers: { Location: '/api/v1/docs', 'Cache-Control': 'no-store' } }),
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/openapi.json',
      tag: 'Documents',
      summary: 'The OpenAPI 3.1 document',
      responses: { 200: { description: 'The document', type: 'application/json' } },
      handle: () => ({
        status: 200,
        headers: { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=300' },
        body: (json ??= JSON.stringify(openApiDocument(routes, version), null, 2)),
      }),
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/docs',
      tag: 'Documents',
      summary: 'The same as a page',
      responses: { 200: { description: 'A page', type: 'text/html' } },
      handle: () => ({
        status: 200,
        headers: {
          'Content-Type': 'text/html; charset=utf-8',
          'Cache-Control': 'public, max-age=300',
          'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        },
        body: (page ??= docsPage(openApiDocument(routes, version))),
      }),
    }),
  ]
}
