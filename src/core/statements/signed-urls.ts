import { defineStatement } from './define.ts'

/** What is known of signed links beyond what they say themselves. */

export interface SignedUrlRow {
  accessKeyId: string
  revokedAtMs: number | null
  uses: number
  expiresAtMs: number
}

export const findSignedUrl = defineStatement<{ userId: string; id: string }, SignedUrlRow>({
  name: 'signed_urls.find',
  text: `SELECT access_key_id AS accessKeyId, revoked_at_ms AS revokedAtMs, uses, expires_at_ms AS expiresAtMs
    FROM signed_urls WHERE user_id = ?1 AND id = ?2`,
  params: ['userId', 'id'],
  reads: ['signed_urls'],
  writes: [],
})

/** Of many links at once, those that are revoked. `ids` is a list in JSON. */
export const listRevokedSignedUrls = defineStatement<
  { userId: string; ids: string },
  { id: string; revokedAtMs: number }
>({
  name: 'signed_urls.list_revoked',
  text: `SELECT id, revoked_at_ms AS revokedAtMs FROM signed_urls
    WHERE user_id = ?1 AND id IN (SELECT value FROM json_each(?2)) AND revoked_at_ms IS NOT NULL`,
  params: ['userId', 'ids'],
  reads: ['signed_urls'],
  writes: [],
})

interface SignedUrlValues {
  userId: string
  id: string
  accessKeyId: string
  expiresAtMs: number
  [name: string]: string | number
}

/** One more use. Changes no row when there were `max` (at least 1) already, or the link is revoked. */
export const useSignedUrl = defineStatement<SignedUrlValues & { max: number }>({
  name: 'signed_urls.use',
  text: `INSERT INTO signed_urls (user_id, id, access_key_id, uses, expires_at_ms) VALUES (?1, ?2, ?3, 1, ?4)
    ON CONFLICT (user_id, id) DO UPDATE SET uses = uses + 1, expires_at_ms = max(expires_at_ms, excluded.expires_at_ms)
      WHERE uses < ?5 AND revoked_at_ms IS NULL`,
  params: ['userId', 'id', 'accessKeyId', 'expiresAtMs', 'max'],
  reads: ['users', 'signed_urls'],
  writes: ['signed_urls'],
  writesRow: ['userId', 'id'],
})

/** Keeps the time of the first revocation. Also of a link that was never used. */
export const revokeSignedUrl = defineStatement<SignedUrlValues & { nowMs: number }>({
  name: 'signed_urls.revoke',
  text: `INSERT INTO signed_urls (user_id, id, access_key_id, expires_at_ms, revoked_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (user_id, id) DO UPDATE SET revoked_at_ms = coalesce(revoked_at_ms, excluded.revoked_at_ms),
      expires_at_ms = max(expires_at_ms, excluded.expires_at_ms)`,
  params: ['userId', 'id', 'accessKeyId', 'expiresAtMs', 'nowMs'],
  reads: ['users', 'signed_urls'],
  writes: ['signed_urls'],
  writesRow: ['userId', 'id'],
})

/** At most `limit` of those that expired before `beforeMs`. */
export const deleteExpiredSignedUrls = defineStatement<{ beforeMs: number; limit: number }>({
  name: 'signed_urls.delete_expired',
  text: `DELETE FROM signed_urls WHERE (user_id, id) IN (
      SELECT user_id, id FROM signed_urls WHERE expires_at_ms < ?1 ORDER BY expires_at_ms LIMIT ?2)`,
  params: ['beforeMs', 'limit'],
  reads: ['signed_urls'],
  writes: ['signed_urls'],
})
