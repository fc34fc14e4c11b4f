import type { Statement } from '../../src/core/ports/database.ts'
import { defineStatement } from '../../src/core/statements/define.ts'

/** Statements of the database contract's own, over the tables of `migrations/`. */

export const putSetting = defineStatement<{ name: string; value: string }>({
  name: 'contract.put_setting',
  text: `INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  params: ['name', 'value'],
  reads: [],
  writes: ['settings'],
})

export const addSetting = defineStatement<{ name: string; value: string }>({
  name: 'contract.add_setting',
  text: `INSERT INTO settings (name, value) VALUES (?1, ?2)`,
  params: ['name', 'value'],
  reads: [],
  writes: ['settings'],
})

export const addSettingOnce = defineStatement<{ name: string; value: string }>({
  name: 'contract.add_setting_once',
  text: `INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING`,
  params: ['name', 'value'],
  reads: [],
  writes: ['settings'],
})

export const countUp = defineStatement<{ name: string }>({
  name: 'contract.count_up',
  text: `UPDATE settings SET value = CAST(value AS INTEGER) + 1 WHERE name = ?1`,
  params: ['name'],
  reads: ['settings'],
  writes: ['settings'],
})

export const findSetting = defineStatement<{ name: string }, { value: string }>({
  name: 'contract.find_setting',
  text: `SELECT value FROM settings WHERE name = ?1`,
  params: ['name'],
  reads: ['settings'],
  writes: [],
})

export const settingsAfter = defineStatement<{ after: string; limit: number }, { name: string }>({
  name: 'contract.settings_after',
  text: `SELECT name FROM settings WHERE name > ?1 ORDER BY name LIMIT ?2`,
  params: ['after', 'limit'],
  reads: ['settings'],
  writes: [],
})

export const addUser = defineStatement<{ id: string; name: string; email: string }>({
  name: 'contract.add_user',
  text: `INSERT INTO users (id, name, email, role, created_at_ms) VALUES (?1, ?2, ?3, 'user', 0)`,
  params: ['id', 'name', 'email'],
  reads: [],
  writes: ['users'],
})

export const renameUsers = defineStatement<{ from: string; to: string }>({
  name: 'contract.rename_users',
  text: `UPDATE users SET name = ?2 WHERE name = ?1`,
  params: ['from', 'to'],
  reads: ['users'],
  writes: ['users'],
})

export const deleteUser = defineStatement<{ id: string }>({
  name: 'contract.delete_user',
  text: `DELETE FROM users WHERE id = ?1`,
  params: ['id'],
  reads: ['users'],
  writes: ['users'],
})

export const deleteUsersNamed = defineStatement<{ name: string }>({
  name: 'contract.delete_users_named',
  text: `DELETE FROM users WHERE name = ?1`,
  params: ['name'],
  reads: ['users'],
  writes: ['users'],
})

export const findUser = defineStatement<{ id: string }, { name: string }>({
  name: 'contract.find_user',
  text: `SELECT name FROM users WHERE id = ?1`,
  params: ['id'],
  reads: ['users'],
  writes: [],
})

export const usersWithEmailOf = defineStatement<{ id: string }, { id: string; email: string }>({
  name: 'contract.users_with_email_of',
  text: `SELECT id, email FROM users WHERE id = ?1 AND email = ?1 || '@example.org'`,
  params: ['id'],
  reads: ['users'],
  writes: [],
})

export const addToken = defineStatement<{ id: string; userId: string; hash: Uint8Array }>({
  name: 'contract.add_token',
  text: `INSERT INTO api_tokens (id, user_id, label, token_hash, created_at_ms) VALUES (?1, ?2, '', ?3, 0)`,
  params: ['id', 'userId', 'hash'],
  reads: [],
  writes: ['api_tokens'],
})

export const takeTokens = defineStatement<
  { userId: string },
  { id: string; hash: Uint8Array; expiresAtMs: number | null }
>({
  name: 'contract.take_tokens',
  text: `DELETE FROM api_tokens WHERE user_id = ?1
    RETURNING id, token_hash AS hash, expires_at_ms AS expiresAtMs`,
  params: ['userId'],
  reads: ['api_tokens'],
  writes: ['api_tokens'],
})

export const addBucket = defineStatement<{ id: string; name: string; ownerId: string }>({
  name: 'contract.add_bucket',
  text: `INSERT INTO buckets (id, name, owner_id, visibility, created_at_ms) VALUES (?1, ?2, ?3, 'private', 0)`,
  params: ['id', 'name', 'ownerId'],
  reads: [],
  writes: ['buckets'],
})

/** A row with a column of each kind. */
export interface ThingValues {
  text: string
  number: number
  bytes: Uint8Array
  nullable: Uint8Array | null
  [name: string]: string | number | Uint8Array | null
}

export const addBlob = defineStatement<ThingValues & { id: string }>({
  name: 'contract.add_blob',
  text: `INSERT INTO blobs (id, location, codec, size_bytes, stored_bytes, frame_bytes, frame_index, sha256,
      references_count, created_at_ms)
    VALUES (?1, ?2, 'none', ?3, 0, 0, ?5, ?4, 0, 0)`,
  params: ['id', 'text', 'number', 'bytes', 'nullable'],
  reads: [],
  writes: ['blobs'],
})

export const findBlob = defineStatement<{ id: string }, ThingValues>({
  name: 'contract.find_blob',
  text: `SELECT location AS text, size_bytes AS number, sha256 AS bytes, frame_index AS nullable
    FROM blobs WHERE id = ?1`,
  params: ['id'],
  reads: ['blobs'],
  writes: [],
})

export const guardSettingExists = defineStatement<{ name: string }>({
  name: 'contract.guard_setting_exists',
  text: `INSERT INTO guards (destination)
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM settings WHERE name = ?1)`,
  params: ['name'],
  reads: ['settings'],
  writes: ['guards'],
})

export const guardNever = defineStatement({
  name: 'contract.guard_never',
  text: `INSERT INTO guards (source) SELECT 1`,
  params: [],
  reads: [],
  writes: ['guards'],
})

export const contractStatements: readonly Statement[] = [
  putSetting,
  addSetting,
  addSettingOnce,
  countUp,
  findSetting,
  settingsAfter,
  addUser,
  renameUsers,
  deleteUser,
  deleteUsersNamed,
  findUser,
  usersWithEmailOf,
  addToken,
  takeTokens,
  addBucket,
  addBlob,
  findBlob,
  guardSettingExists,
  guardNever,
] as unknown as readonly Statement[]
