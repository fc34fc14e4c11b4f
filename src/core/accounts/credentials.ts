import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { lifetimes } from '../cache/lifetimes.ts'
import type { QueryCache } from '../cache/query-cache.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { bind, type BoundStatement, DatabaseError } from '../ports/database.ts'
import {
  type AccessKeyRow,
  type CredentialRow,
  deleteAccessKey,
  deleteToken,
  findAccessKey,
  findToken,
  insertAccessKey,
  insertToken,
  listAccessKeys,
  listTokens,
  type TokenRow,
} from '../statements/accounts.ts'
import { authorizeUser, type Caller, requireUser } from './caller.ts'

/** What a request brings to say who it is from. */
export type Credentials =
  | { readonly kind: 'access_key'; readonly accessKeyId: string; readonly secret: string }
  | { readonly kind: 'token'; readonly token: string }

/**
 * Who sent these. Throws `invalid_credentials`, with one text for every reason, so that nobody learns which ids
 * exist. A key that was deleted, or whose user was disabled, stops at once in the process that did it, and elsewhere within
 * the lifetime of a credential.
 */
export async function authenticate(core: Core, credentials: Credentials): Promise<Caller> {
  const row =
    credentials.kind === 'access_key'
      ? await checkAccessKey(core, credentials.accessKeyId, credentials.secret)
      : await checkToken(core, credentials.token)
  if (!row || row.disabledAtMs !== null) {
    throw new CuttyError('invalid_credentials', 'No active access key or token matches these credentials.')
  }
  return { userId: row.userId, role: row.role }
}

async function checkAccessKey(core: Core, id: string, secret: string): Promise<CredentialRow | undefined> {
  const row = await core.accessKeys.read({ id })
  if (!row) return undefined
  return sameText(core.secrets.open(row.secretEncrypted, id), secret) ? row : undefined
}

async function checkToken(core: Core, token: string): Promise<CredentialRow | undefined> {
  const tokenHash = hashToken(token)
  const row = await core.tokens.read({ tokenHash })
  return row && (row.expiresAtMs === null || row.expiresAtMs > core.clock.now()) ? row : undefined
}

export function accessKeysOf(rows: QueryCache): Core['accessKeys'] {
  return rows.namespace({
    statement: findAccessKey,
    make: ([row]) => row,
    dependsOn: (row, { id }, on) =>
      row ? [on('access_keys', [row.userId, id]), on('users', [row.userId])] : [on('access_keys')],
    lifetime: lifetimes.credential,
  })
}

export function tokensOf(rows: QueryCache): Core['tokens'] {
  return rows.namespace({
    statement: findToken,
    make: ([row]) => row,
    dependsOn: (row, _params, on) =>
      row ? [on('api_tokens', [row.userId]), on('users', [row.userId])] : [on('api_tokens')],
    lifetime: lifetimes.credential,
  })
}

/** In constant time for texts of one length; the length of a secret is no secret. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function hashToken(token: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token).digest())
}

/** Shown once: nobody can read the secret afterwards, the operator included. */
export interface NewAccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly userId: string
  readonly label: string
  readonly createdAtMs: number
}

/** The caller's own, or, for an administrator, anybody's. */
export async function createAccessKey(
  core: Core,
  caller: Caller,
  input: { userId: string; label: string },
): Promise<NewAccessKey> {
  authorizeUser(caller, input.userId)
  return storeAccessKey(core, { ...input, ...newKeyPair() })
}

export interface KeyPair {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** In the form of AWS, which S3 tools check: 20 capitals and digits, and 40 characters. */
export function newKeyPair(): KeyPair {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const accessKeyId = `CUTTY${Array.from(randomBytes(15), (byte) => letters[byte & 31]).join('')}`
  return { accessKeyId, secretAccessKey: randomBytes(30).toString('base64url') }
}

type KeyToStore = KeyPair & { readonly userId: string; readonly label: string }

async function storeAccessKey(
  core: Core,
  key: KeyToStore,
  ...before: BoundStatement[]
): Promise<NewAccessKey> {
  const createdAtMs = core.clock.now()
  const secretEncrypted = core.secrets.seal(key.secretAccessKey, key.accessKeyId)
  const { accessKeyId: id, userId, label } = key
  await core.database
    .batch([...before, bind(insertAccessKey, { id, userId, label, secretEncrypted, createdAtMs })])
    .catch(throwMissingUser)
  return { ...key, createdAtMs }
}

/** Stores a key whose id this user may have already, with another secret. */
export function replaceAccessKey(core: Core, key: KeyToStore): Promise<NewAccessKey> {
  return storeAccessKey(core, key, bind(deleteAccessKey, { userId: key.userId, id: key.accessKeyId }))
}

/** Whether the key exists with this very secret. Throws when the id is another user's. */
export async function hasAccessKey(core: Core, key: KeyPair & { userId: string }): Promise<boolean> {
  const [row] = await core.database.query(findAccessKey, { id: key.accessKeyId })
  if (!row) return false
  if (row.userId !== key.userId) {
    throw new CuttyError('access_denied', `The access key ${key.accessKeyId} belongs to another user.`)
  }
  return sameText(core.secrets.open(row.secretEncrypted, key.accessKeyId), key.secretAccessKey)
}

export async function readAccessKeys(
  core: Core,
  caller: Caller,
  userId: string,
): Promise<readonly AccessKeyRow[]> {
  authorizeUser(caller, userId)
  return core.rows.read(listAccessKeys, { userId })
}

export async function revokeAccessKey(
  core: Core,
  caller: Caller,
  key: { userId: string; accessKeyId: string },
): Promise<void> {
  authorizeUser(caller, key.userId)
  const [result] = await core.database.batch([
    bind(deleteAccessKey, { userId: key.userId, id: key.accessKeyId }),
  ])
  if (result?.changes === 0) throw new CuttyError('key_not_found', 'This user has no such access key.')
}

export interface NewToken extends TokenRow {
  readonly token: string
}

/** A token for the caller; only its hash is kept. `expiresInSeconds` left out means: until it is revoked. */
export async function createToken(
  core: Core,
  caller: Caller,
  input: { label: string; expiresInSeconds?: number },
): Promise<NewToken> {
  const userId = requireUser(caller)
  const token = `cutty_${randomBytes(32).toString('base64url')}`
  const createdAtMs = core.clock.now()
  const row = {
    id: core.ids.next(),
    label: input.label,
    createdAtMs,
    expiresAtMs: input.expiresInSeconds === undefined ? null : createdAtMs + input.expiresInSeconds * 1000,
  }
  await core.database.batch([bind(insertToken, { ...row, userId, tokenHash: hashToken(token) })])
  return { ...row, token }
}

export async function readTokens(core: Core, caller: Caller): Promise<readonly TokenRow[]> {
  return core.rows.read(listTokens, { userId: requireUser(caller) })
}

export async function revokeToken(core: Core, caller: Caller, id: string): Promise<void> {
  const [result] = await core.database.batch([bind(deleteToken, { userId: requireUser(caller), id })])
  if (result?.changes === 0) throw new CuttyError('key_not_found', 'You have no such token.')
}

function throwMissingUser(error: unknown): never {
  if (error instanceof DatabaseError && error.kind === 'foreign_key') {
    throw new CuttyError('user_not_found', undefined, { cause: error })
  }
  throw error
}
