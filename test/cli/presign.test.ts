import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCutty, type TestServer } from './cutty.ts'

let server: TestServer
beforeAll(async () => {
  server = await startCutty()
  await server.run(['buckets', 'create', 'photos'])
  await server.store('photos', 'cat.txt', 'meow')
})
afterAll(() => server.stop())

interface Link {
  id: string
  url: string
  method: string
  headers: Record<string, string>
  expiresAt: string
}

describe('presign', () => {
  test('prints a URL, and beside it what must be sent with it', async () => {
    const written = await server.run(['presign', 'photos/a', '--operation', 'write', '--content-type', 'a/b'])
    expect(written).toMatchObject({ code: 0, stderr: 'Send the header Content-Type: a/b with it.\n' })
    const { code, stdout, stderr } = await server.run([
      'presign',
      'cutty://photos/cat.txt',
      '--expires',
      '10m',
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const url = stdout.toString().trimEnd()
    expect(url).toMatch(new RegExp(`^${server.url}/photos/cat\\.txt\\?`))
    expect(await (await fetch(url)).text()).toBe('meow')
  })

  test('bounds what is written', async () => {
    const args = [
      'photos/new',
      '--operation',
      'write',
      '--max-bytes',
      '1KiB',
      '--content-type',
      'a/b',
      '--max-uses',
      '1',
    ]
    const [link] = (await server.json<Link>(['presign', ...args])) as [Link]
    expect(link).toMatchObject({ method: 'PUT', headers: { 'Content-Type': 'a/b' } })
    const put = (body: string) => fetch(link.url, { method: link.method, headers: link.headers, body })
    expect((await put('x'.repeat(1025))).status).toBe(400)
    expect((await put('x')).status).toBe(200)
    expect((await put('x')).status).toBe(403)
  })

  test('revokes by URL, by id, by key, and all', async () => {
    const key = server.env['CUTTY_ACCESS_KEY_ID'] as string
    for (const how of ['url', 'id', ['--key', key], ['--all']] as const) {
      const [link] = (await server.json<Link>(['presign', 'photos/cat.txt'])) as [Link]
      expect((await fetch(link.url)).status).toBe(200)
      const { code, stdout } = await server.run([
        'presign',
        'revoke',
        ...(typeof how === 'string' ? [link[how]] : how),
      ])
      expect({ code, text: stdout.toString() }).toEqual({
        code: 0,
        text: expect.stringMatching(/is revoked\.\n$/) as string,
      })
      expect((await fetch(link.url)).status).toBe(403)
    }
  })

  test.each([
    [['presign', 'photos'], 'names no file'],
    [['presign', 'photos/a', '--operation', 'look'], 'read or write or delete'],
    [['presign', 'photos/a', '--expires', 'soon'], 'duration'],
    [['presign', 'photos/a', '--max-uses', '0'], 'whole number'],
    [['presign', 'revoke'], 'one of <id>, --key and --all'],
    [['presign', 'revoke', 'https://a.example/b'], 'has no id'],
    [['presign', 'revoke', 'a', '--all'], 'one of <id>, --key and --all'],
  ])('%j is not understood', async (args, message) => {
    const { code, stderr } = await server.run(args)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) as string })
  })

  test('passes on what the server refuses', async () => {
    const { code, stderr } = await server.run(['presign', 'photos/a', '--expires', '8d'])
    expect(code).toBe(1)
    expect(stderr).toContain('604800')
  })

  test('makes forms', async () => {
    const args = ['presign', 'form', 'photos/inbox/', '--max-bytes', '10', '--content-type', 'image/*']
    const [made] = await server.json<{ url: string; fields: Record<string, string> }>(args)
    const { url, fields } = made as { url: string; fields: Record<string, string> }
    const post = (type: string, content: string) => {
      const form = new FormData()
      for (const [name, value] of Object.entries({ ...fields, 'Content-Type': type }))
        form.append(name, value)
      form.append('file', new Blob([content]), 'cat.png')
      return fetch(url, { method: 'POST', body: form })
    }
    expect((await post('text/html', 'x')).status).toBe(403)
    expect((await post('image/png', 'longer than ten')).status).toBe(400)
    expect((await post('image/png', 'x')).status).toBe(204)
    const stored = await server.fetch('/api/v1/buckets/photos/files/inbox/cat.png')
    expect(stored.headers.get('content-type')).toBe('image/png')
  })
})
