import { expect } from 'vitest'
import { type Client, createClient } from './client.ts'
import type { HttpCredentials, HttpSubject } from './subject.ts'

export interface Person extends HttpCredentials {
  readonly userId: string
}

/** The people and places of the contract's tests, made through the API itself. */
export interface Stage {
  readonly subject: HttpSubject
  readonly api: Client
  readonly admin: HttpCredentials
  /** Owns every bucket of {@link Stage.bucket}. */
  readonly alice: Person
  readonly bob: Person
  /** A fresh, empty bucket of Alice's. */
  bucket(visibility?: 'private' | 'public'): Promise<string>
  person(name: string, role?: 'admin' | 'user'): Promise<Person>
}

export async function setStage(subject: HttpSubject): Promise<Stage> {
  const api = createClient(subject)
  const { admin } = subject
  let count = 0

  const person = async (name: string, role = 'user'): Promise<Person> => {
    const email = `${name}-${++count}@example.org`
    const user = await api.call('POST', '/api/v1/users', { as: admin, json: { name, email, role } })
    expect(user.status).toBe(201)
    const { id: userId } = user.json<{ id: string }>()
    const key = await api.call('POST', `/api/v1/users/${userId}/access-keys`, { as: admin })
    expect(key.status).toBe(201)
    return { ...key.json<HttpCredentials>(), userId }
  }
  const alice = await person('alice')
  const bob = await person('bob')

  return {
    subject,
    api,
    admin,
    alice,
    bob,
    person,
    async bucket(visibility = 'private') {
      const name = `bucket-${++count}`
      const made = await api.call('POST', '/api/v1/buckets', { as: alice, json: { name, visibility } })
      expect(made.status).toBe(201)
      return name
    },
  }
}
