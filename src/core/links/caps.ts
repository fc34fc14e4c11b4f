import { CuttyError } from '../errors.ts'
import { limits } from '../limits.ts'

/**
 * What a signed link says beyond Signature Version 4, in parameters of its query (of a form: in fields). They are signed like any
 * other, so every generator of such links can add them, and nobody can take them away.
 */
export interface LinkCaps {
  /** To count its uses, and to revoke it. One of its maker's own choice: another user's may be the same. */
  readonly id?: string | undefined
  readonly notBeforeMs?: number | undefined
  readonly maxBytes?: number | undefined
  /** Which the request must have, to the letter. */
  readonly contentType?: string | undefined
  readonly maxUses?: number | undefined
  /** Shared caches may keep what it gives, for as long as it counts. */
  readonly isPublic?: boolean | undefined
}

/** What each is called. */
export const capParameters = {
  id: 'X-Cutty-Id',
  notBeforeMs: 'X-Cutty-Not-Before',
  maxBytes: 'X-Cutty-Max-Bytes',
  contentType: 'X-Cutty-Content-Type',
  maxUses: 'X-Cutty-Max-Uses',
  isPublic: 'X-Cutty-Cache',
} as const satisfies Record<keyof LinkCaps, string>

const capOf = new Map(Object.entries(capParameters).map(([cap, name]) => [name, cap as keyof LinkCaps]))

/** Of both cases, in front of everything that {@link readCaps} must be shown. */
export const capPrefix = 'x-cutty-'

/** The parameters that say this. */
export function formatCaps(caps: LinkCaps): [name: string, value: string][] {
  const list: [string, string][] = []
  if (caps.id !== undefined) list.push([capParameters.id, caps.id])
  if (caps.notBeforeMs !== undefined) {
    list.push([capParameters.notBeforeMs, String(Math.ceil(caps.notBeforeMs / 1000))])
  }
  if (caps.maxBytes !== undefined) list.push([capParameters.maxBytes, String(caps.maxBytes)])
  if (caps.contentType !== undefined) list.push([capParameters.contentType, caps.contentType])
  if (caps.maxUses !== undefined) list.push([capParameters.maxUses, String(caps.maxUses)])
  if (caps.isPublic) list.push([capParameters.isPublic, 'public'])
  return list
}

/**
 * Reads them. Throws `invalid_request` for one that does not exist, is there twice, or cannot be read: a cap that is not
 * understood is not enforced either.
 */
export function readCaps(given: Iterable<readonly [name: string, value: string]>): LinkCaps {
  const caps: { -readonly [cap in keyof LinkCaps]: LinkCaps[cap] } = {}
  for (const [name, value] of given) {
    const cap = capOf.get(name as (typeof capParameters)[keyof LinkCaps])
    if (!cap)
      throw refuse(`There is no parameter ${name}: it must be one of ${[...capOf.keys()].join(', ')}.`)
    if (caps[cap] !== undefined) throw refuse(`The parameter ${name} is there more than once.`)
    if (cap === 'id') caps.id = checkLinkId(value)
    else if (cap === 'contentType') caps.contentType = value
    else if (cap === 'isPublic') caps.isPublic = onlyPublic(value)
    else if (cap === 'notBeforeMs') caps.notBeforeMs = wholeNumber(name, value, 0) * 1000
    else caps[cap] = wholeNumber(name, value, cap === 'maxUses' ? 1 : 0)
  }
  if (caps.maxUses !== undefined && caps.id === undefined) {
    throw refuse(`${capParameters.maxUses} needs ${capParameters.id}: uses are counted by it.`)
  }
  if (caps.maxUses !== undefined && caps.isPublic) {
    throw refuse(
      `${capParameters.maxUses} and ${capParameters.isPublic} exclude each other: a cache does not count.`,
    )
  }
  return caps
}

const linkId = new RegExp(`^[\\w-]{1,${limits.linkIdCharsMax}}$`)

/** Throws `invalid_request` for what cannot be the id of a link. */
export function checkLinkId(text: string): string {
  if (linkId.test(text)) return text
  throw refuse(`The id of a link has 1 to ${limits.linkIdCharsMax} letters, digits, hyphens and underscores.`)
}

function onlyPublic(value: string): true {
  if (value === 'public') return true
  throw refuse(`${capParameters.isPublic} must be public.`)
}

function wholeNumber(name: string, text: string, min: number): number {
  const value = Number(text)
  if (/^\d{1,15}$/.test(text) && value >= min) return value
  throw refuse(`${name} must be a whole number, at least ${min}.`)
}

function refuse(detail: string): CuttyError {
  return new CuttyError('invalid_request', detail)
}
