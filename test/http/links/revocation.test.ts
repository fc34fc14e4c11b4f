import { beforeEach, describe, expect, test } from 'vitest'
import { removeExpiredLinks } from '../../../src/core/links/revoke.ts'
import { bucket, useStage } from './link-stage.ts'

const stage = useStage()
const noon = Date.parse('2026-11-21T12:00:00.000Z')
const read = { key: 'a', operation: 'read' }

beforeEach(async () => {
  stage.clock.stopAt(noon)
  await stage.call('PUT', `/api/v1/buckets/${bucket}/files/a`, { as: stage.ada.key, body: 'hello' })
})

const revoke = (id: string, as = stage.ada.key, query = '') =>
  stage.call('DELETE', `/api/v1/presigned-urls/${id}${query}`, { as })
const keyPath = (accessKeyId: string) =>
  `/api/v1/users/${stage.ada.key.userId}/access-keys/${accessKeyId}/revoke-links`

describe('a link that is revoked', () => {
  test('by its id stops at once, and no other does', async () => {
    const [link, other] = [await stage.link(read), await stage.link(read)]
    expect((await stage.use(link)).status).toBe(200)
    expect((await revoke(link.id)).status).toBe(204)
    expect(await stage.use(link)).toMatchObject({ status: 403, code: 'AccessDenied' })
    expect(stage.kinds()).toEqual(['url_revoked'])
    expect((await stage.use(other)).status).toBe(200)
    expect((await revoke(link.id)).status, 'twice').toBe(204)
  })

  test('stays so until it has expired, whatever is collected', async () => {
    const link = await stage.link({ ...read, expiresInSeconds: 604_800 })
    await revoke(link.id)
    stage.clock.advance(604_800_000 - 1)
    await removeExpiredLinks(stage.core)
    expect((await stage.use(link)).code).toBe('AccessDenied')
    expect(stage.kinds()).toEqual(['url_revoked'])
    stage.clock.advance(7_200_000)
    expect(await removeExpiredLinks(stage.core)).toBe(1)
  })

  test('stops also when uses of it are left', async () => {
    const link = await stage.link({ ...read, maxUses: 3 })
    await stage.use(link)
    await revoke(link.id)
    expect((await stage.use(link)).status).toBe(403)
    expect(stage.kinds()).toEqual(['url_revoked'])
  })

  test('is one’s own: nobody revokes another’s, but an administrator may', async () => {
    const link = await stage.link(read)
    const eve = await stage.person('eve')
    expect((await revoke(link.id, eve.key)).status, 'an id of hers').toBe(204)
    expect((await stage.use(link)).status).toBe(200)
    const ofAda = `?user=${stage.ada.key.userId}`
    expect((await revoke(link.id, eve.key, ofAda)).status).toBe(403)
    expect((await stage.call('DELETE', `/api/v1/presigned-urls/${link.id}${ofAda}`)).status).toBe(401)
    expect((await stage.use(link)).status).toBe(200)
    expect((await revoke(link.id, stage.adminKey, ofAda)).status).toBe(204)
    expect((await stage.use(link)).status).toBe(403)
    expect((await revoke(link.id, stage.adminKey, '?user=none')).status).toBe(404)
    expect((await revoke('a%20b')).status).toBe(400)
  })
})

describe('all that a key has signed', () => {
  test('stops, and the key goes on', async () => {
    const second = await stage.keyOf(stage.ada)
    const old = await stage.link(read)
    const ofSecond = await stage.link(read, second)
    stage.clock.advance(10)
    const answer = await stage.call('POST', keyPath(stage.ada.key.accessKeyId), { as: stage.ada.key })
    expect(answer.json()).toEqual({ linksRevokedBefore: '2026-11-21T12:00:01.000Z' })
    expect((await stage.use(old)).code).toBe('AccessDenied')
    expect(stage.kinds()).toEqual(['url_revoked'])
    expect((await stage.use(ofSecond)).status, 'of another key').toBe(200)
    const fresh = await stage.link(read)
    expect((await stage.use(fresh)).status, 'made in the same second').toBe(200)
    stage.clock.advance(5000)
    expect((await stage.use(await stage.link(read))).status).toBe(200)
    expect((await stage.use(old)).status).toBe(403)
  })

  test('of all keys of a user', async () => {
    const second = await stage.keyOf(stage.ada)
    const links = [await stage.link(read), await stage.link(read, second)]
    const path = `/api/v1/users/${stage.ada.key.userId}/revoke-links`
    expect((await stage.call('POST', path, { as: second })).status).toBe(200)
    for (const link of links) expect((await stage.use(link)).status).toBe(403)
    for (const key of [second, stage.ada.key]) {
      expect((await stage.use(await stage.link(read, key))).status).toBe(200)
    }
  })

  test('is for its user and administrators to revoke', async () => {
    const eve = await stage.person('eve')
    const paths = [keyPath(stage.ada.key.accessKeyId), `/api/v1/users/${stage.ada.key.userId}/revoke-links`]
    for (const path of paths) {
      expect((await stage.call('POST', path, { as: eve.key })).status).toBe(403)
      expect((await stage.call('POST', path)).status).toBe(401)
      expect((await stage.call('POST', path, { as: stage.adminKey })).status).toBe(200)
    }
    expect((await stage.call('POST', keyPath('none'), { as: stage.adminKey })).status).toBe(404)
    const none = '/api/v1/users/none/revoke-links'
    expect((await stage.call('POST', none, { as: stage.adminKey })).status).toBe(404)
  })
})
