import { CuttyError } from '../errors.ts'
import type { Visibility } from '../statements/buckets.ts'
import type { Role } from '../statements/accounts.ts'

/** Who asks. */
export type Caller =
  | { readonly role: 'anonymous'; readonly userId: undefined }
  | { readonly role: Role; readonly userId: string }

export const anonymous: Caller = Object.freeze({ role: 'anonymous', userId: undefined })

export type BucketAction =
  /** Read a file's bytes and properties. */
  | 'read_file'
  /** List files, see the bucket. */
  | 'list'
  /** Write, change, delete files. */
  | 'write'
  /** Change or delete the bucket. */
  | 'manage'

/**
 * Owners and administrators may do anything with a bucket; of a public one, everybody may read files, and nothing
 * else. A single file may be public too: `files/record.ts` asks for that first. Throws `unauthenticated` for the public, who may learn nothing from it, and `access_denied` for others.
 */
export function authorizeBucket(
  caller: Caller,
  action: BucketAction,
  bucket: { ownerId: string; visibility: Visibility },
): void {
  if (caller.role === 'admin' || caller.userId === bucket.ownerId) return
  if (action === 'read_file' && bucket.visibility === 'public') return
  throw refusal(caller)
}

/** A bucket that does not exist: the public cannot tell it from a private one. */
export function missingBucket(caller: Caller, name: string): CuttyError {
  return caller.role === 'anonymous'
    ? refusal(caller)
    : new CuttyError('bucket_not_found', `There is no bucket “${name}”.`)
}

/** Throws unless the caller is an administrator. */
export function authorizeAdmin(caller: Caller): void {
  if (caller.role !== 'admin') throw refusal(caller)
}

/** Throws unless the caller is that user or an administrator. */
export function authorizeUser(caller: Caller, userId: string): void {
  if (caller.role !== 'admin' && caller.userId !== userId) throw refusal(caller)
}

/** Throws unless somebody is signed in. */
export function requireUser(caller: Caller): string {
  if (caller.userId === undefined) throw refusal(caller)
  return caller.userId
}

export function refusal(caller: Caller): CuttyError {
  return caller.role === 'anonymous'
    ? new CuttyError(
        'unauthenticated',
        'Send an access key as HTTP Basic credentials, or an API token as Bearer.',
      )
    : new CuttyError('access_denied', 'This key may not do that here.')
}
