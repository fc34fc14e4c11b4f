import { type BlobFiles, openBlobFiles } from '../../adapters/disk/blob-files.ts'
import {
  type DatabaseCheck,
  type DatabaseReader,
  openToRead,
  type StoredContent,
} from '../../adapters/sqlite/maintenance.ts'
import { refuseUnknown } from '../../adapters/sqlite/migrate.ts'
import { type ExpectedBlob, findDamage } from '../../core/jobs/check-blob.ts'
import { checkAccessLog } from './access-log.ts'
import { databaseOf, eachAtOnce, type ToolCall } from './tool.ts'

export interface CheckCall extends ToolCall {
  readonly migrationsFolder: string
  /** Leaves out whether indexes and tables of SQLite agree. */
  readonly quick: boolean
  /** Reads all bytes, decodes them, and holds them against their hashes. */
  readonly contents: boolean
  /** Nobody writes: a folder that is being restored. */
  readonly unchanging?: boolean
}

export interface CheckResult {
  readonly ok: boolean
  /** Of each kind that was looked for, also where there are none. */
  readonly findings: readonly DatabaseCheck[]
  readonly files: number
  /** Those in the folder. */
  readonly blobs: { readonly count: number; readonly bytes: number }
  readonly contentsRead: boolean
  /**
   * Files among the blobs that no row knows: of uploads under way, or that never ended. No damage: the next start removes
   * them.
   */
  readonly leftovers: { readonly count: number; readonly examples: readonly string[] }
}

/** Looks at everything and changes nothing. A server may run: what it deletes meanwhile is not taken for damage. */
export async function checkFolder(call: CheckCall): Promise<CheckResult> {
  const { data, quick, signal, unchanging = false } = call
  const database = openToRead(databaseOf(data), { unchanging })
  const blobs = openBlobFiles(data)
  try {
    refuseUnknown(database.migrations(call.migrationsFolder))
    const findings: DatabaseCheck[] = []
    const files = await database.atOneMoment(async () => {
      for (const finding of database.checks({ quick })) {
        findings.push(finding)
        // Ctrl-C is heard between two only.
        await new Promise((resolve) => setImmediate(resolve))
        signal.throwIfAborted()
      }
      return database.countFiles()
    })
    const stored = await checkBlobs(call, { database, blobs })
    findings.push(...stored.findings, ...checkAccessLog(data, { quick, unchanging }))
    return {
      ok: findings.every(({ count }) => count === 0),
      findings,
      files,
      blobs: { count: stored.count, bytes: stored.bytes },
      contentsRead: call.contents,
      leftovers: await findLeftovers(blobs, { database, signal }),
    }
  } finally {
    database.close()
  }
}

const examplesMax = 10
/** Some come with an index of megabytes. */
const pageRows = 200

interface Looked {
  readonly database: DatabaseReader
  readonly blobs: BlobFiles
}

async function checkBlobs(
  call: CheckCall,
  { database, blobs }: Looked,
): Promise<{ findings: DatabaseCheck[]; count: number; bytes: number }> {
  const { signal, stage, contents } = call
  const missing = createFinding('missing_blob', 'blobs whose file is not there: their content is lost')
  const wrongSize = createFinding('blob_size', 'blobs whose file has another size than its row says')
  const damaged = createFinding('content', 'blobs whose bytes are not what was stored')
  const shown = stage('blobs', database.sumBlobs().bytes)
  let [count, bytes] = [0, 0]

  const look = async (content: StoredContent) => {
    const { id, location, storedBytes } = content
    const sizeBytes = location === 'store' ? blobs.sizeOf(id) : storedBytes
    const what =
      sizeBytes === undefined
        ? 'is not there'
        : sizeBytes !== storedBytes
          ? `has ${sizeBytes} bytes, not ${storedBytes}`
          : contents
            ? await readContent(content, { database, blobs })
            : undefined
    if (location === 'store') {
      count += 1
      bytes += storedBytes
      shown.advance(storedBytes)
    }
    // Deleted since its row was read.
    if (what === undefined || (database.findBlob(id)?.referencesCount ?? 0) === 0) return
    const finding = sizeBytes === undefined ? missing : sizeBytes === storedBytes ? damaged : wrongSize
    finding.add(() => `${id} ${what} (${database.namesOf(id).join(', ') || 'of no file'})`)
  }

  try {
    for (let after = ''; ;) {
      const page = database.listContents(after, pageRows)
      await eachAtOnce(page, { signal, work: look })
      if (page.length < pageRows) break
      after = page.at(-1)?.id as string
    }
  } finally {
    shown.end()
  }
  return {
    findings: [missing, wrongSize, ...(contents ? [damaged] : [])].map(({ read }) => read()),
    count,
    bytes,
  }
}

/** What is wrong with the bytes, in words. */
async function readContent(content: StoredContent, { database, blobs }: Looked): Promise<string | undefined> {
  const { id, location, codec, frameIndex, ...sizes } = content
  const expected: ExpectedBlob = {
    ...sizes,
    codec: codec as ExpectedBlob['codec'],
    frameIndex: frameIndex ?? undefined,
  }
  const body = location === 'row' ? database.findBody(id) : undefined
  // That is found with the rows.
  if (location === 'row' && body?.length !== content.storedBytes) return undefined
  try {
    return await findDamage(expected, body ? once(body) : blobs.read(id), async () => {})
  } catch (error) {
    // A disk that cannot read what it has is the very thing that is looked for.
    return `cannot be read: ${(error as Error).message}`
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function createFinding(kind: string, meaning: string) {
  const examples: string[] = []
  let count = 0
  return {
    add(describe: () => string): void {
      count += 1
      if (examples.length < examplesMax) examples.push(describe())
    },
    read: (): DatabaseCheck => ({ kind, meaning, count, examples }),
  }
}

async function findLeftovers(
  blobs: BlobFiles,
  { database, signal }: { database: DatabaseReader; signal: AbortSignal },
): Promise<CheckResult['leftovers']> {
  const examples: string[] = []
  let count = 0
  for (const names of blobs.pages()) {
    await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    const known = database.knownBlobs(names)
    const unknown = names.filter((name) => !known.has(name))
    count += unknown.length
    examples.push(...unknown.slice(0, examplesMax - examples.length))
  }
  return { count, examples }
}
