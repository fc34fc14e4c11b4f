import { defineStatement } from './define.ts'

export type Role = 'admin' | 'user'

export interface UserRow {
  id: string
  name: string
  email: string
  role: Role
  createdAtMs: number
  disabledAtMs: number | null
}

const userColumns = 'id, name, email, role, created_at_ms AS createdAtMs, disabled_at_ms AS disabledAtMs'

export const insertUser = defineStatement<{
  id: string
  name: string
  email: string
  role: string
  createdAtMs: number
}>({
  name: 'users.insert',
  text: `INSERT INTO users (id, name, email, role, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)`,
  params: ['id', 'name', 'email', 'role', 'createdAtMs'],
  reads: [],
  writes: ['users'],
  writesRow: ['id'],
})

export const findUser = defineStatement<{ id: string }, UserRow>({
  name: 'users.find',
  text: `SELECT ${userColumns} FROM users WHERE id = ?1`,
  params: ['id'],
  reads: ['users'],
  writes: [],
})

export const listUsers = defineStatement<{ after: string; limit: number }, UserRow>({
  name: 'users.list',
  text: `SELECT ${userColumns} FROM users WHERE id > ?1 ORDER BY id LIMIT ?2`,
  params: ['after', 'limit'],
  reads: ['users'],
  writes: [],
})

export const updateUser = defineStatement<{
  id: string
  name: string
  role: string
  disabledAtMs: number | null
}>({
  name: 'users.update',
  text: `UPDATE users SET name = ?2, role = ?3, disabled_at_ms = ?4 WHERE id = ?1`,
  params: ['id', 'name', 'role', 'disabledAtMs'],
  reads: ['users'],
  writes: ['users'],
  writesRow: ['id'],
})

export const insertAccessKey = defineStatement<{
  id: string
  userId: string
  label: string
  secretEncrypted: Uint8Array
  createdAtMs: number
}>({
  name: 'access_keys.insert',
  text: `INSERT INTO access_keys (id, user_id, label, secret_encrypted, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)`,
  params: ['id', 'userId', 'label', 'secretEncrypted', 'createdAtMs'],
  reads: ['users'],
  writes: ['access_keys'],
  writesRow: ['userId', 'id'],
})

export interface CredentialRow {
  userId: string
  role: Role
  disabledAtMs: number | null
}

export interface AccessKeyCredentialRow extends CredentialRow {
  secretEncrypted: Uint8Array
  /** Signed links of an earlier date are revoked: by the key, or by its user. */
  linksRevokedBeforeMs: number
}

export interface TokenCredentialRow extends CredentialRow {
  expiresAtMs: number | null
}

export const findAccessKey = defineStatement<{ id: string }, AccessKeyCredentialRow>({
  name: 'access_keys.find',
  text: `SELECT u.id AS userId, u.role AS role, u.disabled_at_ms AS disabledAtMs,
      k.secret_encrypted AS secretEncrypted,
      max(k.links_revoked_before_ms, u.links_revoked_before_ms) AS linksRevokedBeforeMs
    FROM access_keys k JOIN users u ON u.id = k.user_id WHERE k.id = ?1`,
  params: ['id'],
  reads: ['access_keys', 'users'],
  writes: [],
})

export interface AccessKeyRow {
  id: string
  label: string
  createdAtMs: number
}

export const listAccessKeys = defineStatement<{ userId: string }, AccessKeyRow>({
  name: 'access_keys.list',
  text: `SELECT id, label, created_at_ms AS createdAtMs FROM access_keys WHERE user_id = ?1 ORDER BY id`,
  params: ['userId'],
  reads: ['access_keys'],
  writes: [],
})

export const deleteAccessKey = defineStatement<{ userId: string; id: string }>({
  name: 'access_keys.delete',
  text: `DELETE FROM access_keys WHERE user_id = ?1 AND id = ?2`,
  params: ['userId', 'id'],
  reads: ['access_keys'],
  writes: ['access_keys'],
  writesRow: ['userId', 'id'],
})

/** Never takes a revocation back, and goes on by a second at least: links may have been made for the time of the last one. */
export const revokeLinksOfAccessKey = defineStatement<{ userId: string; id: string; beforeMs: number }>({
  name: 'access_keys.revoke_links',
  text: `UPDATE access_keys SET links_revoked_before_ms = max(?3, links_revoked_before_ms + 1000,
      (SELECT u.links_revoked_before_ms + 1000 FROM users u WHERE u.id = ?1))
    WHERE user_id = ?1 AND id = ?2 RETURNING links_revoked_before_ms AS beforeMs`,
  params: ['userId', 'id', 'beforeMs'],
  reads: ['access_keys', 'users'],
  writes: ['access_keys'],
  writesRow: ['userId', 'id'],
})

/** Of all keys of a user. */
export const revokeLinksOfUser = defineStatement<{ userId: string; beforeMs: number }>({
  name: 'users.revoke_links',
  text: `UPDATE users SET links_revoked_before_ms = max(?2, links_revoked_before_ms + 1000,
      (SELECT coalesce(max(k.links_revoked_before_ms), 0) + 1000 FROM access_keys k WHERE k.user_id = ?1))
    WHERE id = ?1 RETURNING links_revoked_before_ms AS beforeMs`,
  params: ['userId', 'beforeMs'],
  reads: ['users', 'access_keys'],
  writes: ['users'],
  writesRow: ['userId'],
})

export const insertToken = defineStatement<{
  id: string
  userId: string
  label: string
  tokenHash: Uint8Array
  createdAtMs: number
  expiresAtMs: number | null
}>({
  name: 'api_tokens.insert',
  text: `INSERT INTO api_tokens (id, user_id, label, token_hash, created_at_ms, expires_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
  params: ['id', 'userId', 'label', 'tokenHash', 'createdAtMs', 'expiresAtMs'],
  reads: ['users'],
  writes: ['api_tokens'],
  writesRow: ['userId', 'id'],
})

export const findToken = defineStatement<{ tokenHash: Uint8Array }, TokenCredentialRow>({
  name: 'api_tokens.find',
  text: `SELECT u.id AS userId, u.role AS role, u.disabled_at_ms AS disabledAtMs, t.expires_at_ms AS expiresAtMs
    FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = ?1`,
  params: ['tokenHash'],
  reads: ['api_tokens', 'users'],
  writes: [],
})

export interface TokenRow {
  id: string
  label: string
  createdAtMs: number
  expiresAtMs: number | null
}

export const listTokens = defineStatement<{ userId: string }, TokenRow>({
  name: 'api_tokens.list',
  text: `SELECT id, label, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs FROM api_tokens
    WHERE user_id = ?1 ORDER BY id`,
  params: ['userId'],
  reads: ['api_tokens'],
  writes: [],
})

export const deleteToken = defineStatement<{ userId: string; id: string }>({
  name: 'api_tokens.delete',
  text: `DELETE FROM api_tokens WHERE user_id = ?1 AND id = ?2`,
  params: ['userId', 'id'],
  reads: ['api_tokens'],
  writes: ['api_tokens'],
  writesRow: ['userId', 'id'],
})
