import { expect, test } from 'vitest'
import type { CacheTier } from '../../src/core/ports/cache-tier.ts'

/** What a tier asks of a store that is somebody else's. */
export interface RemoteStore {
  get(name: string): Promise<undefined>
  put(name: string): Promise<void>
  delete(name: string): Promise<void>
}

const entry = { bytes: new Uint8Array(1), metadata: '', bornMs: 0, expiresAtMs: Infinity }

/** What a tier does where its store refuses. `create` makes one whose names in the store end in the key. */
export function refusingStoreContract(create: (store: RemoteStore) => CacheTier): void {
  const refuses = () => Promise.reject(new Error('429 Too Many Requests'))

  test('deletes all that it can, and rejects for what it cannot', async () => {
    const deleted: string[] = []
    const tier = create({
      get: async () => undefined,
      put: async () => {},
      async delete(name) {
        if (name.endsWith('/3')) await refuses()
        deleted.push(name)
      },
    })
    const keys = Array.from({ length: 20 }, (_, index) => `${index}`)
    await expect(tier.delete([...keys, ...keys])).rejects.toThrow('429')
    expect(deleted).toHaveLength(19)
  })

  test('rejects where its store does', async () => {
    const tier = create({ get: refuses, put: refuses, delete: refuses })
    const refused = [tier.get('a'), tier.set('a', entry), tier.delete(['a'])]
    for (const outcome of await Promise.allSettled(refused)) expect(outcome.status).toBe('rejected')
  })
}
