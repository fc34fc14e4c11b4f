import { concatBytes } from '../bytes.ts'
import type { Core } from '../core.ts'
import { limits } from '../limits.ts'
import type { ByteRange } from '../ports/blob-store.ts'
import { type BlobPartRow, countBlobParts, findPartBlobs, listBlobParts } from '../statements/blob-parts.ts'
import { blobOf, damaged, openPlain, openStored } from './blob.ts'
import type { BlobRef, FileRecord } from './file.ts'
import type { Content } from './read.ts'

/**
 * Files that were uploaded in parts: a blob whose location is `parts` has no bytes of its own, but those of other blobs, one
 * after another. Every part is compressed for itself, so a range is read from the parts that it touches.
 */

interface Part {
  readonly blob: BlobRef
  /** In the plaintext of the whole. */
  readonly startBytes: number
  readonly endBytes: number
}

/** How a part's bytes are come by; `range` is of the part's own plaintext. */
export type OpenPart = (blob: BlobRef, range: ByteRange) => Content | Promise<Content>

/** Parts that are looked up at one time: of a short range, as a player asks for, hardly any is needed. */
const pageParts = 100
const shortPageParts = 2

/**
 * Plaintext of a blob that consists of parts; `range` must lie inside it. What is in one part is that part's own content. Else
 * chunks, of which the first part is open when the promise resolves; the others are opened one after another, and none of them
 * is collected meanwhile in this process.
 */
export async function openParts(
  core: Core,
  blob: BlobRef,
  { range, open }: { range: ByteRange; open: OpenPart },
): Promise<Content> {
  const { start, end } = range
  const limit = end - start < limits.partBytesMin ? shortPageParts : pageParts
  const waiting = await findParts(core, blob, { position: start, limit })
  const first = waiting.shift() as Part
  if (end < first.endBytes) return open(first.blob, cut(first, range))

  const release = hold(blob.id)
  let position = start
  const openNext = async (part: Part) => {
    position = part.endBytes
    return iteratorOf(await open(part.blob, cut(part, range)))
  }
  let current: AsyncIterator<Uint8Array> | undefined
  const close = () => {
    current = undefined
    release()
  }
  try {
    current = await openNext(first)
  } catch (error) {
    release()
    throw error
  }

  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      try {
        while (current) {
          const next = await current.next()
          if (!next.done) return next
          current = undefined
          if (position > end) break
          if (waiting.length === 0) {
            waiting.push(...(await findParts(core, blob, { position, limit: pageParts })))
          }
          current = await openNext(waiting.shift() as Part)
        }
      } catch (error) {
        close()
        throw error
      }
      close()
      return { done: true, value: undefined }
    },
    async return() {
      const open = current
      close()
      await open?.return?.()
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

/** Of a range of the whole, what lies in a part. */
function cut({ startBytes, endBytes }: Part, { start, end }: ByteRange): ByteRange {
  return {
    start: Math.max(start, startBytes) - startBytes,
    end: Math.min(end + 1, endBytes) - 1 - startBytes,
  }
}

function iteratorOf(content: Content): AsyncIterator<Uint8Array> {
  return (content instanceof Uint8Array ? once(content) : content)[Symbol.asyncIterator]()
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** From the one with the byte at `position` on, at least one. That no byte is missing between them is made sure of. */
async function findParts(
  core: Core,
  blob: BlobRef,
  page: { position: number; limit: number },
): Promise<Part[]> {
  const { position } = page
  // What a part is stored as may be another blob now: the one before it lives on for longer than any copy is old.
  const rows = await core.database.query(findPartBlobs, { blobId: blob.id, ...page }, { mayLag: true })
  const parts: Part[] = []
  let expected: number | undefined
  for (const row of rows) {
    const part = partOf(row)
    // It may be the part before that is missing.
    const follows = expected === undefined ? part.startBytes <= position : part.startBytes === expected
    if (!follows) break
    expected = part.endBytes
    if (part.startBytes < part.endBytes) parts.push(part)
  }
  if (parts.length === 0) throw damaged(core, blob, `has no part with byte ${position}`)
  return parts
}

function partOf(row: BlobPartRow): Part {
  return { blob: blobOf(row), startBytes: row.endBytes - row.sizeBytes, endBytes: row.endBytes }
}

/**
 * The plaintext of any blob, past the caches: for work in the background. `range` must lie inside it, and the blob must not be
 * empty. Open when the promise resolves, as everywhere.
 */
export async function openContent(
  core: Core,
  blob: BlobRef,
  range?: ByteRange,
): Promise<AsyncIterable<Uint8Array>> {
  if (blob.location === 'parts') {
    const content = await openParts(core, blob, {
      range: range ?? { start: 0, end: blob.sizeBytes - 1 },
      open: (part, range) => openContent(core, part, range),
    })
    return content instanceof Uint8Array ? once(content) : content
  }
  return blob.codec === 'identity' ? openStored(core, blob, range) : openPlain(core, blob, range)
}

/** The same at once, for little of it. */
export async function readPiece(core: Core, blob: BlobRef, range: ByteRange): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  // A chunk is the reader's until it asks for the next: these are kept longer.
  for await (const chunk of await openContent(core, blob, range)) chunks.push(new Uint8Array(chunk))
  return concatBytes(chunks)
}

/** Composites that are being read in this process, and how often. */
const held = new Map<string, number>()

/** Until `release` is called, for the first time. */
function hold(blobId: string): () => void {
  held.set(blobId, (held.get(blobId) ?? 0) + 1)
  let isHeld = true
  return () => {
    if (!isHeld) return
    isHeld = false
    const count = (held.get(blobId) as number) - 1
    if (count === 0) held.delete(blobId)
    else held.set(blobId, count)
  }
}

/**
 * Whether a blob that consists of parts is being read in this process. An open file can be read to its end after it was
 * removed; a part that is not open yet cannot.
 */
export function isBeingRead(blobId: string): boolean {
  return held.has(blobId)
}

/** A part as a file's reader sees it. */
export interface FilePart {
  readonly number: number
  readonly startBytes: number
  readonly sizeBytes: number
  /** Base64, of the algorithm of the file's checksum. */
  readonly checksum: string | undefined
}

/** The parts in which a file was uploaded, after the number `after`; none of one that came in one piece. */
export async function readFileParts(
  core: Core,
  { blob }: FileRecord,
  page: { after: number; limit: number },
): Promise<FilePart[]> {
  const rows = await core.database.query(listBlobParts, { blobId: blob.id, ...page })
  return rows.map(({ number, endBytes, sizeBytes, checksum }) => ({
    number,
    startBytes: endBytes - sizeBytes,
    sizeBytes,
    checksum: checksum ?? undefined,
  }))
}

/** In how many parts a file was uploaded; `undefined` of one that came in one piece. */
export async function countFileParts(core: Core, { blob }: FileRecord): Promise<number | undefined> {
  const [row] = await core.database.query(countBlobParts, { blobId: blob.id })
  return row?.count || undefined
}
