import type { Core } from '../core.ts'
import { bind } from '../ports/database.ts'
import { findSignedUrl, useSignedUrl } from '../statements/signed-urls.ts'

export interface LinkUse {
  readonly userId: string
  readonly id: string
  readonly accessKeyId: string
  /** Of the link: after that, nobody has to know any more how often it was used. */
  readonly expiresAtMs: number
  readonly max: number
}

/**
 * Counts one use, in one write that takes effect only if it is not one too many: of any number at once, `max` are `counted`.
 */
export async function countUse(core: Core, use: LinkUse): Promise<'counted' | 'exhausted' | 'revoked'> {
  const [result] = await core.database.batch([bind(useSignedUrl, { ...use })])
  if (result?.changes !== 0) return 'counted'
  const [row] = await core.database.query(findSignedUrl, { userId: use.userId, id: use.id })
  return row && row.revokedAtMs !== null ? 'revoked' : 'exhausted'
}
