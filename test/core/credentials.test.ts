import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  authenticate,
  createAccessKey,
  createToken,
  hasAccessKey,
  newKeyPair,
} from '../../src/core/accounts/credentials.ts'
import { checkMasterKey } from '../../src/core/accounts/master-key.ts'
import { createSecretBox } from '../../src/core/accounts/secret-box.ts'
import { createUser, ensureAdministrator, updateUser } from '../../src/core/accounts/users.ts'
import { openTestCore, type TestCore } from './test-core.ts'

let opened: TestCore
beforeEach(async () => {
  opened = await openTestCore()
})
afterEach(() => opened.close())

const otherBox = createSecretBox(new TextEncoder().encode('another master key'))

describe('tokens', () => {
  test('end when they should, to the millisecond, and not before', async () => {
    const { core, admin, clock } = opened
    clock.stopAt(1_760_000_000_000)
    const { token } = await createToken(core, admin, { label: '', expiresInSeconds: 60 })
    const credentials = { kind: 'token', token } as const
    clock.advance(59_999)
    expect(await authenticate(core, credentials)).toEqual(admin)
    clock.advance(1)
    await expect(authenticate(core, credentials)).rejects.toMatchObject({ code: 'invalid_credentials' })
    // A clock that is put right again makes it good again.
    clock.advance(-1)
    expect(await authenticate(core, credentials)).toEqual(admin)
  })

  test('without an end have none', async () => {
    const { core, admin, clock } = opened
    const { token } = await createToken(core, admin, { label: '' })
    clock.advance(100 * 365 * 86_400_000)
    expect(await authenticate(core, { kind: 'token', token })).toEqual(admin)
  })
})

describe('access keys', () => {
  test('in the form of AWS', () => {
    for (let i = 0; i < 100; i++) {
      const { accessKeyId, secretAccessKey } = newKeyPair()
      expect(accessKeyId).toMatch(/^CUTTY[A-Z2-7]{15}$/)
      expect(secretAccessKey).toMatch(/^[\w-]{40}$/)
    }
  })

  test('are not what the database holds', async () => {
    const { core, admin, folder } = opened
    const key = await createAccessKey(core, admin, { userId: opened.adminKey.userId, label: '' })
    const { token } = await createToken(core, admin, { label: '' })
    const { readFile, readdir } = await import('node:fs/promises')
    const { join } = await import('node:path')
    for (const name of (await readdir(folder)).filter((each) => each.startsWith('cutty.db'))) {
      const bytes = await readFile(join(folder, name))
      for (const secret of [key.secretAccessKey, token, token.slice('cutty_'.length)]) {
        expect(bytes.includes(secret), name).toBe(false)
      }
    }
  })
})

describe('the first administrator', () => {
  test('is made once', async () => {
    expect(await ensureAdministrator(opened.core, undefined)).toBeUndefined()
  })

  test('gets the configured key, at every start, with the secret that is configured now', async () => {
    const { core, admin } = opened
    const first = { accessKeyId: 'CONFIGURED', secretAccessKey: 'the first secret' }
    const second = { ...first, secretAccessKey: 'the second secret' }
    const credentials = (key: typeof first) =>
      ({ kind: 'access_key', accessKeyId: key.accessKeyId, secret: key.secretAccessKey }) as const
    expect(await ensureAdministrator(core, first)).toMatchObject(first)
    expect(await ensureAdministrator(core, first)).toBeUndefined()
    expect(await authenticate(core, credentials(first))).toEqual(admin)
    expect(await ensureAdministrator(core, second)).toMatchObject(second)
    expect(await authenticate(core, credentials(second))).toEqual(admin)
    await expect(authenticate(core, credentials(first))).rejects.toMatchObject({
      code: 'invalid_credentials',
    })
  })

  test('does not take over another user’s key', async () => {
    const { core, admin } = opened
    const user = await createUser(core, admin, { name: 'x', email: 'x@example.org', role: 'user' })
    const key = await createAccessKey(core, admin, { userId: user.id, label: '' })
    await expect(ensureAdministrator(core, key)).rejects.toMatchObject({ code: 'access_denied' })
    expect(await hasAccessKey(core, key)).toBe(true)
  })

  test('is found again behind many users, and when others were disabled', async () => {
    const { core, admin } = opened
    const second = await createUser(core, admin, { name: 'x', email: 'x@example.org', role: 'admin' })
    await updateUser(core, admin, { id: opened.adminKey.userId, disabled: true })
    const key = { accessKeyId: 'CONFIGURED', secretAccessKey: 'the first secret' }
    expect(await ensureAdministrator(core, key)).toMatchObject({ userId: second.id })
  })
})

describe('the master key', () => {
  test('is checked against the data it was made with', async () => {
    const { core } = opened
    await checkMasterKey(core)
    await checkMasterKey(core)
    await expect(checkMasterKey({ ...core, secrets: otherBox })).rejects.toThrow('CUTTY_MASTER_KEY')
    await checkMasterKey(core)
  })
})
