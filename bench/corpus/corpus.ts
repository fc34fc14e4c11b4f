/** The corpus on the disk, and what tells that it is the same as last time. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import mime from 'mime'

/** Not in the repository. Its name begins with a dot, so that the compiler does not take the files for the project's. */
export const corpusFolder = join(import.meta.dirname, '../tmp/.corpus')

export interface CorpusFile {
  /** Kind, package, path inside it. */
  readonly path: string
  readonly kind: string
  /** As a client would declare it from the name. */
  readonly contentType: string
  readonly bytes: Uint8Array
}

export interface KindSummary {
  readonly kind: string
  readonly files: number
  readonly bytes: number
  /** Size of the file in the middle. */
  readonly medianBytes: number
}

export interface Manifest {
  readonly files: number
  readonly bytes: number
  /** Of a line `sha256  size  path` for each file, in the order of the paths. */
  readonly sha256: string
  readonly kinds: readonly KindSummary[]
}

/** All of it, in the order of the paths' bytes. */
export function readCorpus(folder = corpusFolder): CorpusFile[] {
  if (!existsSync(folder)) throw new Error('There is no corpus yet: run `node bench/corpus/build.ts`')
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((full) => ({ full, path: full.slice(folder.length + 1).replaceAll('\\', '/') }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ full, path }) => ({
      path,
      kind: path.slice(0, path.indexOf('/')),
      contentType: mime.getType(path) ?? 'application/octet-stream',
      bytes: readFileSync(full),
    }))
}

export function summarise(files: readonly CorpusFile[]): Manifest {
  const total = createHash('sha256')
  for (const { path, bytes } of files) {
    const digest = createHash('sha256').update(bytes).digest('hex')
    total.update(`${digest}  ${bytes.length}  ${path}\n`)
  }
  const kinds = [...Map.groupBy(files, ({ kind }) => kind)].map(([kind, members]) => {
    const sizes = members.map(({ bytes }) => bytes.length).toSorted((a, b) => a - b)
    return {
      kind,
      files: members.length,
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      medianBytes: sizes[sizes.length >> 1] as number,
    }
  })
  return {
    files: files.length,
    bytes: kinds.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256: total.digest('hex'),
    kinds,
  }
}

const manifestPath = join(import.meta.dirname, 'manifest.json')

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest
}
