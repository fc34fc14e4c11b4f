import { describe, expect, test } from 'vitest'
import { routes } from '../../../src/http/rest.ts'
import type { Stage } from './stage.ts'

interface Document {
  openapi: string
  paths: Record<string, Record<string, { operationId: string }>>
}

export function documentTests(stage: Stage): void {
  const read = async () => (await stage.api.call('GET', '/api/v1/openapi.json')).json<Document>()
  const described = routes.filter(({ tag }) => tag !== 'Documents')

  test('the OpenAPI document lists every route, with an operation id of its own', async () => {
    const { openapi, paths } = await read()
    expect(openapi).toMatch(/^3\.1\./)
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(operations.toSorted()).toEqual(
      [...new Set(described.map(({ method, path }) => `${method} ${path.replace('…', '')}`))].toSorted(),
    )
    const ids = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('a browser that comes to the root is shown the page', async () => {
    const { status, header } = await stage.api.call('GET', '/')
    expect([status, header('location')]).toEqual([302, '/api/v1/docs'])
  })

  test('the page shows every operation and loads nothing from elsewhere', async () => {
    const { api } = stage
    const page = await api.call('GET', '/api/v1/docs')
    expect(page.header('content-type')).toBe('text/html; charset=utf-8')
    expect(page.header('content-security-policy')).toContain("default-src 'none'")
    for (const methods of Object.values((await read()).paths)) {
      for (const { operationId } of Object.values(methods)) {
        expect(page.text.split(`id="${operationId}"`), operationId).toHaveLength(2)
      }
    }
    expect(page.text).not.toMatch(/<(script|img|link|iframe|base|object|embed)\b/i)
    expect(page.text).not.toMatch(/\bsrc=|@import|url\(/i)
    // Links inside the page lead somewhere.
    const anchors = [...page.text.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
    for (const id of anchors) expect(page.text, id).toContain(`id="${id}"`)
  })

  describe('the service', () => {
    test('says that it is alive and ready', async () => {
      const { api } = stage
      for (const path of ['/health', '/ready']) {
        const answer = await api.call('GET', path)
        expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}'])
        expect(answer.header('cache-control')).toBe('no-store')
      }
    })

    test.each([
      ['GET', '/api'],
      ['GET', '/api/v1'],
      ['GET', '/api/v1/'],
      ['GET', '/api/v2/buckets'],
      ['GET', '/health/'],
      ['POST', '/api/nothing'],
      ['GET', '/api/v1/buckets/b/files/'],
      ['GET', '/api/%00'],
      ['GET', '/api/x?y=%'],
    ])('has nothing at %s %s', async (method, path) => {
      const answer = await stage.api.call(method, path, { as: stage.admin })
      expect(answer.json()).toMatchObject({ status: 404, code: 'not_found' })
    })

    test.each([
      ['GET', '/nothing', 403, 'AccessDenied'],
      ['GET', '/nothing/at/all', 403, 'AccessDenied'],
      ['GET', '/API/v1/buckets', 403, 'AccessDenied'],
      ['GET', '//health', 400, 'InvalidBucketName'],
      ['GET', '/bucket/%', 400, 'InvalidURI'],
      ['GET', '/bucket/x?y=%', 400, 'InvalidRequest'],
      ['PATCH', '/bucket/x', 405, 'MethodNotAllowed'],
    ])('answers %s %s as S3 does, by %i %s', async (method, path, status, code) => {
      // Credentials of another kind are none there (R40).
      const answer = await stage.api.call(method, path, { as: stage.admin })
      expect([answer.status, answer.header('content-type')]).toEqual([status, 'application/xml'])
      expect(answer.text).toContain(`<Code>${code}</Code>`)
    })

    test.each([
      ['POST', '/health', 'GET, HEAD'],
      ['DELETE', '/api/v1/buckets', 'POST, GET, HEAD'],
      ['PUT', '/api/v1/buckets/b', 'GET, HEAD, PATCH, DELETE'],
      ['POST', '/api/v1/buckets/b/files/f', 'GET, HEAD, PUT, PATCH, DELETE'],
      ['GET', '/api/v1/buckets/b/copy', 'POST'],
      ['OPTIONS', '/api/v1/me', 'GET, HEAD'],
      ['PROPFIND', '/api/v1/buckets/b/files/f', 'GET, HEAD, PUT, PATCH, DELETE'],
    ])('does not answer %s %s, but %s', async (method, path, allow) => {
      const answer = await stage.api.call(method, path, { as: stage.admin })
      expect(answer.json()).toMatchObject({ status: 405, code: 'method_not_allowed' })
      const sorted = (list: string) => list.split(', ').toSorted()
      expect(sorted(answer.header('allow') as string)).toEqual(sorted(allow))
    })

    test('gives every request an id of its own', async () => {
      const { api } = stage
      const answers = await Promise.all(Array.from({ length: 20 }, () => api.call('GET', '/health')))
      expect(new Set(answers.map((answer) => answer.header('x-request-id'))).size).toBe(20)
    })

    test.each([
      ['text', 'text/plain', '{}', 'unsupported_media_type'],
      ['broken JSON', 'application/json', '{"name":', 'invalid_request'],
      ['invalid UTF-8', 'application/json', new Uint8Array([0x22, 0xff, 0x22]), 'invalid_request'],
      ['another value', 'application/json', 'null', 'invalid_request'],
      ['deep nesting', 'application/json', '['.repeat(100_000), 'invalid_request'],
      ['too much', 'application/json', `"${'x'.repeat(4 * 1024 ** 2)}"`, 'too_large'],
    ])('refuses a JSON body of %s', async (_what, type, body, code) => {
      const { api, alice } = stage
      const answer = await api.call('POST', '/api/v1/buckets', {
        as: alice,
        headers: { 'Content-Type': type },
        body,
      })
      expect(answer.json()).toMatchObject({ code })
    })

    test('takes JSON under any JSON type', async () => {
      const { api, alice } = stage
      for (const type of [
        'application/json; charset=utf-8',
        'application/merge-patch+json',
        'Application/JSON',
      ]) {
        const headers = { 'Content-Type': type }
        const answer = await api.call('POST', '/api/v1/tokens', { as: alice, headers, body: '{}' })
        expect(answer.status).toBe(201)
      }
    })
  })
}
