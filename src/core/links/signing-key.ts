import { type Caller, requireUser } from '../accounts/caller.ts'
import type { Ask } from '../cache/gathered-reads.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { listAccessKeys } from '../statements/accounts.ts'

/** A key of the caller's, open, to sign with. */
export interface SigningKey {
  readonly userId: string
  readonly accessKeyId: string
  readonly secret: string
  /** What is signed as of an earlier time does not count. A whole second. */
  readonly linksRevokedBeforeMs: number
}

/**
 * The caller's key of that id, else the oldest one. Never another user's, so that a link can do what its maker can. Throws
 * `key_not_found`.
 */
export async function findSigningKey(
  core: Core,
  caller: Caller,
  accessKeyId: string | undefined,
  ask: Ask = (statement, params) => core.database.query(statement, params),
): Promise<SigningKey> {
  const userId = requireUser(caller)
  const id = accessKeyId ?? (await oldestKey(ask, userId))
  // What was revoked a moment ago elsewhere must count, or the link would be made in vain.
  const row = await core.accessKeys.read({ id }, { upToDate: true, ask })
  if (!row || row.userId !== userId) throw new CuttyError('key_not_found', `You have no access key ${id}.`)
  return {
    userId,
    accessKeyId: id,
    secret: core.secrets.open(row.secretEncrypted, id),
    linksRevokedBeforeMs: row.linksRevokedBeforeMs,
  }
}

async function oldestKey(ask: Ask, userId: string): Promise<string> {
  const keys = await ask(listAccessKeys, { userId })
  const [oldest] = keys.toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1))
  if (oldest) return oldest.id
  throw new CuttyError(
    'key_not_found',
    'Links are signed with an access key, and you have none: make one, or ask an administrator to.',
  )
}
