import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'
import { bind, DatabaseError } from '../ports/database.ts'
import {
  findUser,
  insertUser,
  listUsers,
  type Role,
  updateUser as updateUserRow,
  type UserRow,
} from '../statements/accounts.ts'
import { anotherAdminIsLeft } from '../statements/guards.ts'
import { authorizeAdmin, authorizeUser, type Caller } from './caller.ts'
import { hasAccessKey, type KeyPair, type NewAccessKey, newKeyPair, replaceAccessKey } from './credentials.ts'

export async function createUser(
  core: Core,
  caller: Caller,
  input: { name: string; email: string; role: Role },
): Promise<UserRow> {
  authorizeAdmin(caller)
  return storeUser(core, input)
}

async function storeUser(core: Core, input: { name: string; email: string; role: Role }): Promise<UserRow> {
  // Mail addresses differ by case in theory only; two accounts that do are a mistake or a trick.
  const user = {
    id: core.ids.next(),
    name: input.name,
    email: input.email.toLowerCase(),
    role: input.role,
    createdAtMs: core.clock.now(),
  }
  await core.database.batch([bind(insertUser, user)]).catch((error: unknown) => {
    if (error instanceof DatabaseError && error.kind === 'unique') {
      throw new CuttyError('user_exists', `There is a user with the address ${user.email} already.`, {
        cause: error,
      })
    }
    throw error
  })
  return { ...user, disabledAtMs: null }
}

export async function readUser(core: Core, caller: Caller, id: string): Promise<UserRow> {
  authorizeUser(caller, id)
  return requireFound(await core.rows.read(findUser, { id }))
}

function requireFound([user]: readonly UserRow[]): UserRow {
  if (!user) throw new CuttyError('user_not_found')
  return user
}

export async function readUsers(
  core: Core,
  caller: Caller,
  page: { after?: string | undefined; limit: number },
): Promise<{ users: readonly UserRow[]; next: string | undefined }> {
  authorizeAdmin(caller)
  const users = await core.rows.read(listUsers, { after: page.after ?? '', limit: page.limit + 1 })
  const shown = users.slice(0, page.limit)
  return { users: shown, next: users.length > page.limit ? shown.at(-1)?.id : undefined }
}

/** Changes a name or a role, disables, enables. The last active administrator stays one (`last_admin`). */
export async function updateUser(
  core: Core,
  caller: Caller,
  input: { id: string; name?: string | undefined; role?: Role | undefined; disabled?: boolean | undefined },
): Promise<UserRow> {
  authorizeAdmin(caller)
  const user = requireFound(await core.database.query(findUser, { id: input.id }))
  const disabledAtMs =
    input.disabled === undefined
      ? user.disabledAtMs
      : input.disabled
        ? (user.disabledAtMs ?? core.clock.now())
        : null
  const changed = { ...user, name: input.name ?? user.name, role: input.role ?? user.role, disabledAtMs }
  const steppingDown = changed.role !== 'admin' || changed.disabledAtMs !== null
  const { id, name, role } = changed
  await core.database
    .batch([
      ...(steppingDown ? [bind(anotherAdminIsLeft, { userId: id })] : []),
      bind(updateUserRow, { id, name, role, disabledAtMs }),
    ])
    .catch((error: unknown) => {
      if (error instanceof DatabaseError && error.constraint === 'last_admin') {
        throw new CuttyError('last_admin', 'Make another user an administrator first.', { cause: error })
      }
      throw error
    })
  return changed
}

/**
 * Sees to it that there is an administrator with a key. On the very first start one is made, with the key that the
 * configuration names or with a fresh one, which is returned so that it can be shown once. A configured key is
 * brought to what the configuration says at every start: the way back in for who lost the others.
 */
export async function ensureAdministrator(
  core: Core,
  configured: KeyPair | undefined,
): Promise<NewAccessKey | undefined> {
  const users = await core.database.query(listUsers, { after: '', limit: limits.listPageMax })
  const present = users.find((user) => user.role === 'admin' && user.disabledAtMs === null)
  if (present && !configured) return undefined
  const admin =
    present ?? (await storeUser(core, { name: 'Administrator', email: 'admin@localhost', role: 'admin' }))
  if (configured && (await hasAccessKey(core, { ...configured, userId: admin.id }))) return undefined
  return replaceAccessKey(core, {
    ...(configured ?? newKeyPair()),
    userId: admin.id,
    label: configured ? 'configured' : 'first',
  })
}
