import { describe, expect, test } from 'vitest'
import type { Identity } from './client.ts'
import type { Stage } from './stage.ts'
import type { HttpCredentials } from './subject.ts'

interface User {
  id: string
  name: string
  email: string
  role: string
  disabled: boolean
}

export function accountTests(stage: Stage): void {
  authenticationTests(stage)
  userTests(stage)
  credentialTests(stage)
}

function authenticationTests(stage: Stage): void {
  describe('authentication', () => {
    const me = (as: Identity) => stage.api.call('GET', '/api/v1/me', { as })

    test('by an access key as HTTP Basic, or by a token', async () => {
      const { api, alice } = stage
      expect((await me(alice)).json()).toMatchObject({ id: alice.userId, name: 'alice', role: 'user' })
      const made = await api.call('POST', '/api/v1/tokens', { as: alice })
      const { token } = made.json<{ token: string }>()
      expect((await me({ token })).json()).toEqual((await me(alice)).json())
    })

    test('fails in one way, whatever is wrong', async () => {
      const { alice, bob } = stage
      const wrong: Identity[] = [
        { ...alice, secretAccessKey: bob.secretAccessKey },
        { ...alice, secretAccessKey: `${alice.secretAccessKey.slice(0, -1)}!` },
        { ...alice, secretAccessKey: '' },
        { ...alice, accessKeyId: 'CUTTYNOSUCHKEYAAAAAA' },
        { ...alice, accessKeyId: alice.accessKeyId.toLowerCase() },
        { accessKeyId: '', secretAccessKey: '' },
        { token: 'cutty_unknown' },
        { token: alice.secretAccessKey },
      ]
      const answers = []
      for (const as of wrong) {
        const { requestId: _, ...problem } = (await me(as)).json()
        expect(problem).toMatchObject({ status: 401, code: 'invalid_credentials' })
        answers.push(JSON.stringify(problem))
      }
      expect(new Set(answers).size).toBe(1)
    })

    test.each([
      '',
      'Basic',
      'Basic !!!',
      'Basic bm9jb2xvbg==',
      'Bearer',
      'Bearer a b',
      'Digest username="x"',
      'AWS4-HMAC-SHA256 Credential=x',
    ])('refuses credentials that it cannot read: %s', async (Authorization) => {
      const { api } = stage
      const bucket = await stage.bucket('public')
      await api.put(bucket, 'f', 'x', { as: stage.alice })
      // Who says who he is must be right, even where nobody has to say so.
      for (const target of ['/api/v1/me', `/api/v1/buckets/${bucket}/files/f`]) {
        const refused = await api.call('GET', target, { headers: { Authorization } })
        expect(refused.json()).toMatchObject({ status: 401, code: 'invalid_credentials' })
        expect(refused.header('www-authenticate')).toContain('Basic')
      }
    })

    test('takes the scheme’s name in any case', async () => {
      const { api, alice } = stage
      const basic = btoa(`${alice.accessKeyId}:${alice.secretAccessKey}`)
      const headers = { Authorization: `bASIC  ${basic}` }
      expect((await api.call('GET', '/api/v1/me', { headers })).status).toBe(200)
    })
  })
}

function userTests(stage: Stage): void {
  describe('users', () => {
    test('are made, read, listed and changed by an administrator', async () => {
      const { api, admin } = stage
      const json = { name: '  Dora Maar ', email: 'Dora@Example.ORG' }
      const made = await api.call('POST', '/api/v1/users', { as: admin, json })
      const user = made.json<User & Record<string, unknown>>()
      expect(user).toMatchObject({
        name: 'Dora Maar',
        email: 'dora@example.org',
        role: 'user',
        disabled: false,
      })
      expect(made.header('location')).toBe(`/api/v1/users/${user.id}`)
      const path = `/api/v1/users/${user.id}`
      expect((await api.call('GET', path, { as: admin })).json()).toEqual(user)
      const change = { name: 'Dora', role: 'admin' }
      const changed = await api.call('PATCH', path, { as: admin, json: change })
      expect(changed.json()).toEqual({ ...user, ...change })
      expect((await api.call('GET', path, { as: admin })).json()).toEqual(changed.json())
      await api.call('PATCH', path, { as: admin, json: { role: 'user' } })

      const seen: User[] = []
      let after: string | null = ''
      while (after !== null) {
        const page = await api.call('GET', `/api/v1/users?limit=2&after=${after}`, { as: admin })
        const { users, next } = page.json<{ users: User[]; next: string | null }>()
        expect(users.length).toBeLessThanOrEqual(2)
        seen.push(...users)
        after = next
      }
      const whole = (await api.call('GET', '/api/v1/users', { as: admin })).json<{ users: User[] }>()
      expect(seen).toEqual(whole.users)
      expect(seen.map(({ id }) => id)).toContain(user.id)
    })

    test('have addresses that are unique, whatever their case', async () => {
      const { api, admin } = stage
      const make = (email: string) =>
        api.call('POST', '/api/v1/users', { as: admin, json: { name: 'x', email } })
      expect((await make('unique@example.org')).status).toBe(201)
      expect((await make('UNIQUE@example.org')).json()).toMatchObject({ status: 409, code: 'user_exists' })
    })

    test.each([
      [{}],
      [{ name: 'x' }],
      [{ name: '', email: 'a@example.org' }],
      [{ name: '   ', email: 'a@example.org' }],
      [{ name: 'x'.repeat(201), email: 'a@example.org' }],
      [{ name: 'x', email: 'no address' }],
      [{ name: 'x', email: `${'a'.repeat(250)}@example.org` }],
      [{ name: 'x', email: 'a@example.org', role: 'owner' }],
      [{ name: 'x', email: 'a@example.org', id: 'mine' }],
    ])('refuse to be made of %j', async (json) => {
      const { api, admin } = stage
      const refused = await api.call('POST', '/api/v1/users', { as: admin, json })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
    })

    test('that are disabled stop at once, with keys and tokens, and come back', async () => {
      const { api, admin } = stage
      const eve = await stage.person('eve')
      const { token } = (await api.call('POST', '/api/v1/tokens', { as: eve })).json<{ token: string }>()
      const path = `/api/v1/users/${eve.userId}`
      const statuses = async () => [
        (await api.call('GET', '/api/v1/me', { as: eve })).status,
        (await api.call('GET', '/api/v1/me', { as: { token } })).status,
      ]
      expect(await statuses()).toEqual([200, 200])
      const off = await api.call('PATCH', path, { as: admin, json: { disabled: true } })
      expect(off.json()).toMatchObject({ disabled: true })
      expect(await statuses()).toEqual([401, 401])
      await api.call('PATCH', path, { as: admin, json: { disabled: false } })
      expect(await statuses()).toEqual([200, 200])
    })

    test('that do not exist are not found', async () => {
      const { api, admin } = stage
      const path = '/api/v1/users/00000000000000000000000000'
      const calls = [
        api.call('GET', path, { as: admin }),
        api.call('PATCH', path, { as: admin, json: { name: 'x' } }),
        api.call('POST', `${path}/access-keys`, { as: admin }),
      ]
      for (const answer of await Promise.all(calls)) {
        expect(answer.json()).toMatchObject({ status: 404, code: 'user_not_found' })
      }
    })

    test('the last administrator stays one, and enabled; with a second, the first may go', async () => {
      const { api, admin } = stage
      const { id } = (await api.call('GET', '/api/v1/me', { as: admin })).json<User>()
      for (const json of [{ role: 'user' }, { disabled: true }]) {
        const refused = await api.call('PATCH', `/api/v1/users/${id}`, { as: admin, json })
        expect(refused.json()).toMatchObject({ status: 409, code: 'last_admin' })
      }
      const second = await stage.person('second', 'admin')
      const down = await api.call('PATCH', `/api/v1/users/${id}`, { as: admin, json: { role: 'user' } })
      expect(down.json()).toMatchObject({ role: 'user' })
      expect((await api.call('GET', '/api/v1/users', { as: admin })).status).toBe(403)
      // Two at once must not both go.
      await api.call('PATCH', `/api/v1/users/${id}`, { as: second, json: { role: 'admin' } })
      const both = await Promise.all(
        [id, second.userId].map((each) =>
          api.call('PATCH', `/api/v1/users/${each}`, { as: admin, json: { disabled: true } }),
        ),
      )
      const statuses = both.map(({ status }) => status)
      expect(statuses.filter((status) => status === 200)).toHaveLength(1)
      const left = statuses[0] === 200 ? second : admin
      for (const each of [id, second.userId]) {
        await api.call('PATCH', `/api/v1/users/${each}`, { as: left, json: { disabled: false } })
      }
      const json = { role: 'user' }
      await api.call('PATCH', `/api/v1/users/${second.userId}`, { as: admin, json })
      expect((await api.call('GET', '/api/v1/users', { as: admin })).status).toBe(200)
    })
  })
}

function credentialTests(stage: Stage): void {
  describe('access keys', () => {
    test('are made, listed without their secrets, and revoked at once', async () => {
      const { api, admin } = stage
      const fay = await stage.person('fay')
      const path = `/api/v1/users/${fay.userId}/access-keys`
      const made = await api.call('POST', path, { as: fay, json: { label: 'laptop' } })
      const key = made.json<HttpCredentials & { label: string }>()
      expect(key.label).toBe('laptop')
      expect(key.accessKeyId).toMatch(/^[A-Z0-9]{20}$/)
      expect(key.secretAccessKey).toMatch(/^[\w-]{40}$/)
      expect((await api.call('GET', '/api/v1/me', { as: key })).status).toBe(200)

      const listed = await api.call('GET', path, { as: fay })
      const { accessKeys } = listed.json<{ accessKeys: { accessKeyId: string }[] }>()
      expect(accessKeys.map(({ accessKeyId }) => accessKeyId).toSorted()).toEqual(
        [fay.accessKeyId, key.accessKeyId].toSorted(),
      )
      expect(listed.text).not.toContain(key.secretAccessKey)

      // The key of one user is not found under another.
      const others = `/api/v1/users/${stage.bob.userId}/access-keys/${key.accessKeyId}`
      expect((await api.call('DELETE', others, { as: admin })).status).toBe(404)
      expect((await api.call('DELETE', `${path}/${key.accessKeyId}`, { as: fay })).status).toBe(204)
      expect((await api.call('GET', '/api/v1/me', { as: key })).status).toBe(401)
      const again = await api.call('DELETE', `${path}/${key.accessKeyId}`, { as: fay })
      expect(again.json()).toMatchObject({ status: 404, code: 'key_not_found' })
    })
  })

  describe('tokens', () => {
    test('are shown once, listed without their text, and revoked at once', async () => {
      const { api, bob } = stage
      const gil = await stage.person('gil')
      const json = { label: 'ci', expiresInSeconds: 3600 }
      const made = await api.call('POST', '/api/v1/tokens', { as: gil, json })
      const { token, ...rest } = made.json<{
        token: string
        id: string
        createdAt: string
        expiresAt: string
      }>()
      expect(token).toMatch(/^cutty_[\w-]{43}$/)
      expect(Date.parse(rest.expiresAt) - Date.parse(rest.createdAt)).toBe(3_600_000)
      const listed = await api.call('GET', '/api/v1/tokens', { as: { token } })
      expect(listed.json()).toEqual({ tokens: [rest] })
      expect((await api.call('GET', '/api/v1/tokens', { as: bob })).json()).toEqual({ tokens: [] })

      const path = `/api/v1/tokens/${rest.id}`
      expect((await api.call('DELETE', path, { as: bob })).status).toBe(404)
      expect((await api.call('GET', '/api/v1/me', { as: { token } })).status).toBe(200)
      expect((await api.call('DELETE', path, { as: gil })).status).toBe(204)
      expect((await api.call('GET', '/api/v1/me', { as: { token } })).status).toBe(401)
      expect((await api.call('DELETE', path, { as: gil })).json()).toMatchObject({ code: 'key_not_found' })
    })

    test.each([
      [{ expiresInSeconds: 0 }],
      [{ expiresInSeconds: 1.5 }],
      [{ expiresInSeconds: 1e10 }],
      [{ label: 'x'.repeat(201) }],
      [{ userId: 'x' }],
    ])('refuse to be made of %j', async (json) => {
      const { api, bob } = stage
      const refused = await api.call('POST', '/api/v1/tokens', { as: bob, json })
      expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_request' })
    })
  })
}
