import { createHash } from 'node:crypto'
import { authorizeBucket, type Caller, missingBucket, requireUser } from '../accounts/caller.ts'
import { type Ask, gatherReads } from '../cache/gathered-reads.ts'
import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import { checkKey } from '../files/names.ts'
import { findRecord } from '../files/record.ts'
import { limits } from '../limits.ts'
import { signUrl } from '../sigv4/sign-url.ts'
import type { SigningKeys } from '../sigv4/signing-keys.ts'
import { type BucketRow, findBucket } from '../statements/buckets.ts'
import { listRevokedSignedUrls } from '../statements/signed-urls.ts'
import { formatCaps, type LinkCaps } from './caps.ts'
import { nextSecond } from './revoke.ts'
import { findSigningKey, type SigningKey } from './signing-key.ts'

export type LinkOperation = 'read' | 'write' | 'delete'

const methods = { read: 'GET', write: 'PUT', delete: 'DELETE' } as const

export interface LinkRequest extends Omit<LinkCaps, 'id'> {
  readonly bucket: string
  readonly key: string
  readonly operation: LinkOperation
  /** How long it counts, from now on: 1 to 604,800; with a window, from the end of the window on. */
  readonly expiresInSeconds: number
  /** Equal requests in one such window of time give an equal link. */
  readonly stableWindowSeconds?: number | undefined
  /** Of the answer to a read, in the place of the file's own Content-Disposition. */
  readonly disposition?: string | undefined
  /** The key to sign with: one of the caller's. */
  readonly accessKeyId?: string | undefined
}

export interface SignedLink {
  /** To revoke it by. */
  readonly id: string
  readonly url: string
  readonly method: 'GET' | 'PUT' | 'DELETE'
  /** That must be sent with it. */
  readonly headers: Readonly<Record<string, string>>
  readonly expiresAtMs: number
}

/** Where clients see this service. */
export interface Site {
  readonly scheme: 'http' | 'https'
  /** As clients send it in the `host` header. */
  readonly host: string
  readonly signingKeys: SigningKeys
}

/** Any will do, since there is only one place; this is the one that every client knows. */
export const signingRegion = 'us-east-1'

interface Draft {
  readonly request: LinkRequest
  readonly key: SigningKey
  id: string
  signedAtMs: number
  readonly lifeSeconds: number
}

/**
 * Signs links, each for itself: where one may not be made, its error is in its place. The caller must be allowed now what a link
 * is for, and whoever signed it when it is used. `key_not_found`, `invalid_request`, and what authorisation throws.
 */
export async function signLinks(
  core: Core,
  caller: Caller,
  requests: readonly LinkRequest[],
  site: Site,
): Promise<(SignedLink | CuttyError)[]> {
  requireUser(caller)
  // One round trip for buckets and keys of all, one more where files differ.
  const ask = gatherReads(core.database)
  const authorize = createAuthorizer(core, caller, ask)
  const findKey = memoized((id: string | undefined) => findSigningKey(core, caller, id, ask))
  const drafts = await Promise.all(
    requests.map(async (request) => {
      try {
        checkRequest(request)
        const finding = findKey(request.accessKeyId)
        // What may not be done is told first.
        finding.catch(() => {})
        await authorize(request)
        return draftLink(core, request, await finding)
      } catch (error) {
        if (error instanceof CuttyError) return error
        throw error
      }
    }),
  )
  await passRevoked(core, drafts.filter(isStable))
  return drafts.map((draft) => (draft instanceof CuttyError ? draft : sign(draft, site)))
}

function isStable(draft: Draft | CuttyError): draft is Draft {
  return !(draft instanceof CuttyError) && draft.request.stableWindowSeconds !== undefined
}

/** Caps that would mean nothing are refused: whoever gives one relies on it. */
function checkRequest(request: LinkRequest): void {
  checkKey(request.key)
  const { operation, stableWindowSeconds = 0, expiresInSeconds } = request
  if (stableWindowSeconds + expiresInSeconds > limits.linkSecondsMax) {
    throw refuse(
      `A link counts for at most ${limits.linkSecondsMax} seconds, its stableWindowSeconds included: seven days.`,
    )
  }
  const onlyFor: Record<LinkOperation, readonly (keyof LinkRequest)[]> = {
    read: ['disposition', 'isPublic'],
    write: ['maxBytes', 'contentType'],
    delete: [],
  }
  for (const [other, names] of Object.entries(onlyFor)) {
    const useless = names.find((name) => request[name] !== undefined && other !== operation)
    if (useless) {
      throw refuse(
        `${publicName[useless] ?? useless} means nothing for a link to ${operation}: only to ${other}.`,
      )
    }
  }
  if (request.isPublic && request.maxUses !== undefined) {
    throw refuse('maxUses and a public cache exclude each other: a cache does not count.')
  }
}

const publicName: Partial<Record<keyof LinkRequest, string>> = { isPublic: 'cache' }

function draftLink(core: Core, request: LinkRequest, key: SigningKey): Draft {
  const { stableWindowSeconds, expiresInSeconds } = request
  const windowMs = (stableWindowSeconds ?? 1) * 1000
  // Never as of a time before which all that was signed is revoked: such a link would be dead from the start.
  const signedAtMs = Math.max(Math.floor(core.clock.now() / windowMs) * windowMs, key.linksRevokedBeforeMs)
  const lifeSeconds = (stableWindowSeconds ?? 0) + expiresInSeconds
  if (request.notBeforeMs !== undefined && request.notBeforeMs >= signedAtMs + lifeSeconds * 1000) {
    throw refuse('notBefore must be before the link expires.')
  }
  const draft = { request, key, id: '', signedAtMs, lifeSeconds }
  return { ...draft, id: stableWindowSeconds === undefined ? core.ids.next() : stableId(draft) }
}

/** Of what is asked for and the time: the same for equal requests. */
function stableId({ request, key, signedAtMs, lifeSeconds }: Omit<Draft, 'id'>): string {
  const { bucket, key: fileKey, operation, disposition, ...caps } = request
  const about = [
    key.accessKeyId,
    signedAtMs,
    lifeSeconds,
    operation,
    bucket,
    fileKey,
    disposition,
    formatCaps(caps),
  ]
  return createHash('sha256').update(JSON.stringify(about)).digest('base64url').slice(0, 26)
}

/** More would take the same link to be revoked ten times in one window. */
const revokedInWindowMax = 10

/**
 * A stable link that was revoked must not be given out again before its window ends: the one after it begins with the second
 * after its revocation.
 */
async function passRevoked(core: Core, drafts: readonly Draft[]): Promise<void> {
  let unsure = drafts
  for (let round = 0; unsure.length > 0 && round < revokedInWindowMax; round++) {
    const { userId } = (unsure[0] as Draft).key
    const ids = JSON.stringify([...new Set(unsure.map(({ id }) => id))])
    const rows = await core.database.query(listRevokedSignedUrls, { userId, ids })
    const revokedAtMs = new Map(rows.map((row) => [row.id, row.revokedAtMs]))
    unsure = unsure.filter(({ id }) => revokedAtMs.has(id))
    for (const draft of unsure) {
      draft.signedAtMs = Math.max(draft.signedAtMs + 1000, nextSecond(revokedAtMs.get(draft.id) as number))
      draft.id = stableId(draft)
    }
  }
  for (const draft of unsure) draft.id = core.ids.next()
}

function sign({ request, key, id, signedAtMs, lifeSeconds }: Draft, site: Site): SignedLink {
  const { bucket, operation, disposition, contentType } = request
  const query = formatCaps({ ...request, id })
  if (disposition !== undefined) query.push(['response-content-disposition', disposition])
  const method = methods[operation]
  const url = signUrl({
    method,
    scheme: site.scheme,
    host: site.host,
    path: `/${bucket}/${request.key}`,
    query,
    signedAtMs,
    expiresSeconds: lifeSeconds,
    region: signingRegion,
    accessKey: key,
    signingKeys: site.signingKeys,
  })
  const headers: Record<string, string> = contentType === undefined ? {} : { 'Content-Type': contentType }
  return { id, url, method, headers, expiresAtMs: signedAtMs + lifeSeconds * 1000 }
}

/** Asks once for each bucket, where all of its files are alike for the caller; otherwise for the file. */
function createAuthorizer(core: Core, caller: Caller, ask: Ask) {
  const findBucketOnce = memoized(async (name: string): Promise<BucketRow | undefined> => {
    const [row] = await ask(findBucket, { name })
    return row
  })
  return async ({
    bucket,
    key,
    operation,
  }: Pick<LinkRequest, 'bucket' | 'key' | 'operation'>): Promise<void> => {
    const row = await findBucketOnce(bucket)
    if (!row) throw missingBucket(caller, bucket)
    if (operation !== 'read') return authorizeBucket(caller, 'write', row)
    const isAlike = caller.role === 'admin' || caller.userId === row.ownerId || row.visibility === 'public'
    if (!isAlike) await findRecord(core, caller, { bucket, key, action: 'read_file', ask })
  }
}

function memoized<K, T>(find: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const found = new Map<K, Promise<T>>()
  return (key) => {
    let value = found.get(key)
    if (!value) found.set(key, (value = find(key)))
    return value
  }
}

function refuse(detail: string): CuttyError {
  return new CuttyError('invalid_request', detail)
}
