import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { backUp, check, restore } from '../../src/entry/database-tools.ts'
import { patternBytes } from '../contracts/http/bytes.ts'
import { words } from '../core/jobs/stage.ts'
import { openUploads } from '../core/uploads.ts'

export type DataFolder = Awaited<ReturnType<typeof openDataFolder>>

/** A data folder that a core in this process writes to, a folder beside it, and the tools without a terminal. */
export async function openDataFolder() {
  const uploads = await openUploads()
  const beside = mkdtempSync(join(tmpdir(), 'cutty-tools-'))
  const quiet = { signal: new AbortController().signal, stage: () => ({ advance() {}, end() {} }) }
  return {
    ...uploads,
    beside,
    target: join(beside, 'backup'),
    restored: join(beside, 'restored'),
    /** In the database, on the disk, compressed, in parts, empty, and half an upload. */
    async fill(): Promise<void> {
      await uploads.put('empty', new Uint8Array())
      await uploads.put('small', patternBytes(700))
      await uploads.put('large', patternBytes(300_000, 2))
      await uploads.put('text', words(300_000))
      await uploads.upload('parts', [patternBytes(90_000, 3), patternBytes(50_000, 4)])
      await uploads.putPart(await uploads.begin('under way'), 1, patternBytes(40_000, 5))
    },
    /** Where the bytes of a file are. */
    async pathOf(key: string): Promise<string> {
      const { id } = (await uploads.record(key)).blob
      return join(uploads.folder, 'blobs', id.slice(0, 5), id.slice(5, 7), id)
    },
    check: (more: Partial<Parameters<typeof check>[0]> = {}) =>
      check({ ...quiet, data: uploads.folder, quick: false, contents: true, ...more }),
    backUp: (more: Partial<Parameters<typeof backUp>[0]> = {}) =>
      backUp({
        ...quiet,
        data: uploads.folder,
        target: join(beside, 'backup'),
        link: false,
        withoutKey: false,
        despiteDamage: false,
        now: () => Date.UTC(2026, 10, 21),
        ...more,
      }),
    restore: (more: Partial<Parameters<typeof restore>[0]> = {}) =>
      restore({
        ...quiet,
        data: join(beside, 'restored'),
        source: join(beside, 'backup'),
        contents: true,
        despiteDamage: false,
        ...more,
      }),
    async remove(): Promise<void> {
      await uploads.close()
      rmSync(beside, { recursive: true })
    },
    delete: uploads.remove,
  }
}

/** Of what was found. */
export function kindsOf({ findings }: Awaited<ReturnType<typeof check>>): string[] {
  return findings.filter(({ count }) => count > 0).map(({ kind }) => kind)
}

export function filesIn(root: string): string[] {
  const all = readdirSync(root, { recursive: true, withFileTypes: true })
  return all.filter((each) => each.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}

export const blobsIn = (root: string) => filesIn(join(root, 'blobs')).toSorted()
