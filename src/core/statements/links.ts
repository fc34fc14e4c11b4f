import { defineStatement } from './define.ts'

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
