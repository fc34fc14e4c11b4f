import { Buffer } from 'node:buffer'
import { CuttyError } from '../errors.ts'

/** The listing that a cursor is of. */
export interface CursorOwner {
  readonly sort: string
  readonly order: string
  readonly delimiter?: string | undefined
  readonly cursor?: string | undefined
}

type CursorTypes = { string: string; number: number }

/** What a cursor belongs to: another sort order would read it wrongly. */
function kindOf(request: CursorOwner): string {
  return `${request.sort}.${request.order}.${request.delimiter ? 'grouped' : 'flat'}`
}

/** An opaque, URL-safe text. */
export function encodeCursor(request: CursorOwner, position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([kindOf(request), ...position])).toString('base64url')
}

/** The position, or nothing on a first page. Throws `invalid_request` for anything this service did not make. */
export function decodeCursor<const T extends readonly (keyof CursorTypes)[]>(
  request: CursorOwner,
  types: T,
): Partial<{ -readonly [i in keyof T]: CursorTypes[T[i]] }> {
  if (request.cursor === undefined) return [] as never
  const parts = parse(request.cursor)
  const fits =
    Array.isArray(parts) &&
    parts.length === types.length + 1 &&
    parts[0] === kindOf(request) &&
    types.every((type, index) => typeof parts[index + 1] === type)
  if (!fits) {
    throw new CuttyError(
      'invalid_request',
      'The cursor is not of this listing: use nextCursor of its page before.',
    )
  }
  return parts.slice(1) as never
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}
