import type { Core } from '../core.ts'
import { CuttyError } from '../errors.ts'
import type { ByteRange } from '../ports/blob-store.ts'
import { findBlobBody } from '../statements/blobs.ts'
import { concatBytes } from './body.ts'
import type { FileRecord } from './file.ts'

/** All of it at once where it is small, in chunks where it is not. */
export type Content = Uint8Array | AsyncIterable<Uint8Array>

/**
 * The plaintext of a file, or a range of it. Small bodies come from memory, or are kept there. The caller has
 * authorised the read. Throws `content_damaged` when the bytes are gone, which is never `not_found`.
 */
export async function readContent(core: Core, file: FileRecord, range?: ByteRange): Promise<Content> {
  const { blob, sizeBytes } = file
  if (sizeBytes > core.cache.entryBytesMax && blob.location === 'store') return openBlob(core, file, range)

  let bytes = core.cache.get(blob.id)
  if (bytes === undefined) {
    bytes = blob.location === 'row' ? await readRow(core, file) : await collect(core, file)
    if (bytes.length !== sizeBytes) throw damaged(file, `has ${bytes.length} bytes`)
    core.cache.set(blob.id, bytes)
  }
  return range ? bytes.subarray(range.start, range.end + 1) : bytes
}

async function openBlob(core: Core, file: FileRecord, range: ByteRange | undefined) {
  const content = await core.blobs.get(file.blob.id, range)
  if (!content) throw damaged(file, 'is not in the store')
  return content
}

async function readRow(core: Core, file: FileRecord): Promise<Uint8Array> {
  const [row] = await core.database.query(findBlobBody, { id: file.blob.id })
  if (!row) throw damaged(file, 'has no row')
  return row.bytes
}

async function collect(core: Core, file: FileRecord): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  // A chunk is the reader's until it asks for the next: these are kept longer.
  for await (const chunk of await openBlob(core, file, undefined)) chunks.push(new Uint8Array(chunk))
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : concatBytes(chunks)
}

function damaged(file: FileRecord, what: string): CuttyError {
  const cause = new Error(`blob ${file.blob.id} (${file.blob.location}, ${file.sizeBytes} bytes) ${what}`)
  return new CuttyError('content_damaged', 'The content of this file is damaged or gone.', { cause })
}
