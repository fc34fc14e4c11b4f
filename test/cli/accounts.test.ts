import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCutty, type TestServer } from './cutty.ts'

let server: TestServer
beforeAll(async () => {
  server = await startCutty()
})
afterAll(() => server.stop())

interface User {
  id: string
  name: string
  role: string
  disabled: boolean
}
interface Token {
  id: string
  token: string
  createdAt: string
  expiresAt: string
}
interface Key {
  accessKeyId: string
  secretAccessKey: string
}

async function createUser(email: string): Promise<User> {
  const [user] = await server.json<User>(['users', 'create', '--name', 'Ada', '--email', email])
  return user as User
}

async function createKey(user: User) {
  const [key] = await server.json<Key>(['keys', 'create', '--user', user.id, '--label', 'of a test'])
  const { accessKeyId, secretAccessKey } = key as Key
  const env = {
    CUTTY_URL: server.url,
    CUTTY_ACCESS_KEY_ID: accessKeyId,
    CUTTY_SECRET_ACCESS_KEY: secretAccessKey,
  }
  return { accessKeyId, env }
}

describe('users', () => {
  test('are created, listed, disabled at once, and enabled again', async () => {
    const user = await createUser('ada@example.org')
    expect(user).toMatchObject({ name: 'Ada', role: 'user', disabled: false })
    const { env } = await createKey(user)
    expect(await server.run(['buckets', 'list'], { env })).toMatchObject({ code: 0 })

    expect(await server.run(['users', 'disable', user.id])).toMatchObject({
      code: 0,
      stdout: Buffer.from('Ada <ada@example.org> is disabled.\n'),
    })
    const refused = await server.run(['buckets', 'list'], { env })
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('invalid_credentials') as string,
    })
    const listed = await server.json<User>(['users', 'list'])
    expect(listed.find(({ id }) => id === user.id)).toMatchObject({ disabled: true })

    await server.run(['users', 'enable', user.id])
    expect(await server.run(['buckets', 'list'], { env })).toMatchObject({ code: 0 })
  })

  test('the table shows them', async () => {
    const { stdout } = await server.run(['users', 'list'])
    expect(stdout.toString()).toMatch(
      /^ID +ROLE +STATE +CREATED +NAME\n\w{26} +admin +active +2\S+ \S+Z +Admin/,
    )
  })

  test('a refusal shows the server’s words, its code and the request id', async () => {
    await createUser('twice@example.org')
    const args = ['users', 'create', '--name', 'x', '--email', 'twice@example.org']
    const { code, stderr } = await server.run(args)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^cutty: There is a user with the address twice@example\.org already\. \(user_exists, request \S+\)\n$/,
    )
    const asJson = JSON.parse((await server.run([...args, '--json'])).stderr) as unknown
    expect(asJson).toMatchObject({
      error: { code: 'user_exists', status: 409, requestId: expect.any(String) as string },
    })
  })

  test('an id with special characters is one segment of the path', async () => {
    const { code, stderr } = await server.run(['users', 'disable', '../buckets/a?b#c'])
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('user_not_found') as string,
    })
  })
})

describe('keys', () => {
  test('the secret is shown when the key is made, and not in a listing', async () => {
    const user = await createUser('keys@example.org')
    const { accessKeyId, env } = await createKey(user)
    const { stdout } = await server.run(['keys', 'list', '--user', user.id])
    expect(stdout.toString()).toContain(accessKeyId)
    expect(stdout.toString()).not.toContain(env.CUTTY_SECRET_ACCESS_KEY)
  })

  test('without --user they are one’s own; a revoked one stops at once', async () => {
    const { accessKeyId, env } = await createKey(await createUser('own@example.org'))
    const made = await server.run(['keys', 'create'], { env })
    expect(made.stdout.toString()).toMatch(/^access key id +CUTTY\w{15}\nsecret access key +\S{40}\n$/)
    expect(await server.json(['keys', 'list'], { env })).toHaveLength(2)
    expect(await server.run(['keys', 'revoke', accessKeyId], { env })).toMatchObject({ code: 0 })
    expect(await server.run(['keys', 'list'], { env })).toMatchObject({ code: 1 })
  })

  test('another’s are refused', async () => {
    const { env } = await createKey(await createUser('nosy@example.org'))
    const other = await createUser('other@example.org')
    const { code, stderr } = await server.run(['keys', 'create', '--user', other.id], { env })
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('access_denied') as string,
    })
  })
})

describe('tokens', () => {
  test('stand in for a key until they are revoked', async () => {
    const [token] = await server.json<Token>(['tokens', 'create', '--label', 'ci', '--expires-in', '30d'])
    const { id, expiresAt, createdAt } = token!
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(30 * 86_400_000)
    const env = { CUTTY_URL: server.url, CUTTY_TOKEN: token!.token }
    const { stdout } = await server.run(['tokens', 'list'], { env })
    expect(stdout.toString()).toContain(id)
    expect(stdout.toString()).not.toContain(token!.token)
    expect(await server.run(['tokens', 'revoke', id])).toMatchObject({ code: 0 })
    expect(await server.run(['tokens', 'list'], { env })).toMatchObject({ code: 1 })
  })

  test('one without --expires-in lasts', async () => {
    const { stdout } = await server.run(['tokens', 'create'])
    expect(stdout.toString()).toMatch(/^id +\w{26}\ntoken +cutty_\S{43}\nexpires +-\n$/)
  })
})

describe('buckets', () => {
  test('are created, listed and deleted', async () => {
    await server.run(['buckets', 'create', 'private-one'])
    await server.run(['buckets', 'create', 'public-one', '--public'])
    const listed = await server.json<{ name: string; visibility: string }>(['buckets', 'list'])
    expect(listed.map(({ name, visibility }) => [name, visibility])).toEqual([
      ['private-one', 'private'],
      ['public-one', 'public'],
    ])
    for (const { name } of listed) {
      expect(await server.run(['buckets', 'delete', name])).toMatchObject({ code: 0 })
    }
    expect((await server.run(['buckets', 'list'])).stdout.toString()).toBe(
      'VISIBILITY  OWNER  CREATED  NAME\n',
    )
  })

  test('one that holds files stays', async () => {
    await server.run(['buckets', 'create', 'in-use'])
    await server.run(['files', 'put', '-', 'in-use/a'], { input: 'a' })
    const { code, stderr } = await server.run(['buckets', 'delete', 'in-use'])
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('bucket_not_empty') as string,
    })
  })

  test('without credentials the answer says where they are taken from', async () => {
    const { code, stderr } = await server.run(['buckets', 'list'], { env: { CUTTY_URL: server.url } })
    expect(code).toBe(1)
    expect(stderr).toMatch(/unauthenticated/)
    expect(stderr).toMatch(/CUTTY_ACCESS_KEY_ID and CUTTY_SECRET_ACCESS_KEY, or from CUTTY_TOKEN/)
  })
})
