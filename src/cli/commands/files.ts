import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { defineCommand, parseCoding, wholeNumber } from '../command.ts'
import { CommandError, UsageError } from '../failure.ts'
import { bucketPath, localName, parseFilePlace, parsePlace, type Place } from '../file-place.ts'
import { type Column, formatBytes, formatTime } from '../output.ts'
import { readPages } from '../pages.ts'
import { openTarget, streamTarget } from '../partial-file.ts'
import { createProgress } from '../progress.ts'
import { download, upload } from '../transfer.ts'

interface ListedFile {
  readonly key: string
  readonly sizeBytes: number
  readonly contentType: string
  readonly modifiedAt: string
}

interface FilePage {
  readonly files: readonly ListedFile[]
  readonly commonPrefixes: readonly string[]
  readonly nextCursor: string | null
}

/** A file, or a common prefix of files. */
type Entry = ListedFile | { readonly prefix: string }

const columns: readonly Column[] = [
  {
    title: 'SIZE',
    align: 'right',
    text: (entry: Entry) => ('key' in entry ? formatBytes(entry.sizeBytes) : '-'),
  },
  { title: 'MODIFIED', text: (entry: Entry) => ('key' in entry ? formatTime(entry.modifiedAt) : '-') },
  { title: 'TYPE', text: (entry: Entry) => ('key' in entry ? entry.contentType : '-') },
  { title: 'KEY', text: (entry: Entry) => ('key' in entry ? entry.key : entry.prefix) },
]

const fileArgument = { name: 'bucket/key', description: 'The bucket, a slash, and the key as it is.' }

const chunkBytes = 256 * 1024

/** What is to be uploaded; a pipe, and `-` for standard input, have no length beforehand. */
async function openSource(path: string): Promise<{
  name: string
  sizeBytes: number | undefined
  body: AsyncIterable<Uint8Array>
}> {
  if (path === '-') return { name: '', sizeBytes: undefined, body: process.stdin }
  const found = await stat(path)
  if (found.isDirectory()) throw new CommandError(`${path} is a folder; files are sent one by one.`)
  const name = basename(path)
  if (!found.isFile()) {
    return { name, sizeBytes: undefined, body: createReadStream(path, { highWaterMark: chunkBytes }) }
  }
  return { name, sizeBytes: found.size, body: readFile(path, found.size) }
}

/** No more than was announced, should the file grow meanwhile. Opened when the first byte is asked for. */
async function* readFile(path: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  if (sizeBytes === 0) return
  yield* createReadStream(path, {
    end: sizeBytes - 1,
    highWaterMark: chunkBytes,
  }) as AsyncIterable<Uint8Array>
}

/** A place that ends with a slash, or is a bucket alone, takes the local file's name. */
function placeFor(text: string, name: string): Place {
  const place = parsePlace(text)
  if (place.key !== '' && !place.key.endsWith('/')) return place
  if (name === '')
    throw new UsageError('Standard input has no name: write the whole <bucket/key>.', 'files put')
  return { ...place, key: place.key + name }
}

/** A folder takes the file under the last part of its key. */
async function destinationFor(local: string | undefined, key: string): Promise<string> {
  if (local === undefined) return localName(key)
  const present = await stat(local).catch(() => undefined)
  return present?.isDirectory() ? join(local, localName(key)) : local
}

export const filesCommands = [
  defineCommand({
    name: 'files list',
    summary: 'List the files of a bucket',
    description: 'In byte order of their keys, page after page to the end, unless options say otherwise.',
    arguments: [
      { name: 'bucket[/prefix]', description: 'The bucket; with a prefix, only keys that begin with it.' },
    ],
    options: {
      folders: {
        type: 'boolean',
        description: 'Fold keys that go on alike up to the next slash into one line.',
      },
      type: {
        type: 'string',
        value: '<type>',
        description: 'A media type, such as `image/png` or `image/*`.',
      },
      sort: {
        type: 'string',
        value: '<by>',
        default: 'key',
        description: 'What the order is by.',
        choices: ['key', 'modified', 'size'],
      },
      descending: { type: 'boolean', description: 'The last, newest or largest first.' },
      limit: {
        type: 'string',
        value: '<n>',
        description: 'Stop after so many lines.',
        parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
      },
    },
    examples: [
      'files list photos',
      'files list photos/2026/ --folders',
      'files list photos --sort size --descending',
    ],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const { bucket, key: prefix } = parsePlace(positionals[0] as string)
      const { folders, type, sort, descending } = options
      let left = options.limit ?? Infinity
      const pages = readPages<FilePage>(connect(), {
        path: `${bucketPath(bucket)}/files`,
        parameters: {
          prefix: prefix || undefined,
          delimiter: folders ? '/' : undefined,
          type,
          sort: sort === 'key' ? undefined : sort,
          order: descending ? 'desc' : undefined,
          limit: left < 1000 ? String(left) : undefined,
        },
        cursor: ({ nextCursor }) => (nextCursor === null ? undefined : ['cursor', nextCursor]),
      })
      for await (const { files, commonPrefixes, nextCursor } of pages) {
        const entries = mergeEntries(files, commonPrefixes).slice(0, left)
        // A page without a match is not the end; it has no titles yet.
        if (entries.length > 0 || nextCursor === null) output.rows(columns, entries)
        left -= entries.length
        if (left <= 0) return
      }
    },
  }),
  defineCommand({
    name: 'files put',
    summary: 'Upload a file',
    description:
      'Streams, so a file of any size takes little memory. What the server stored is compared with what was sent by ' +
      'its SHA-256. A place that ends with a slash, or is a bucket alone, takes the local file’s name.',
    arguments: [{ name: 'local', description: 'The file; `-` for standard input.' }, fileArgument],
    options: {
      type: {
        type: 'string',
        value: '<type>',
        description: 'Content-Type; else found by the name, then by the content.',
      },
      'cache-control': { type: 'string', value: '<value>', description: 'Cache-Control of downloads.' },
      compression: {
        type: 'string',
        value: '<coding>',
        description:
          'How it is stored, instead of what the bucket says: `auto`, `off`, or a codec, as `zstd` or `zstd;level=9`.',
        parse: parseCoding,
      },
      'create-only': { type: 'boolean', description: 'Fail when there is a file with this key already.' },
    },
    examples: [
      'files put photo.jpg photos/2026/',
      'tar c docs | cutty files put - backups/docs.tar',
      "files put dump.sql backups/ --compression 'zstd;level=9'",
    ],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const [local, target] = positionals as [string, string]
      const connection = connect()
      const source = await openSource(local)
      const place = placeFor(target, source.name)
      const { type, 'cache-control': cacheControl, 'create-only': createOnly, compression } = options
      const file = await upload(connection, {
        ...source,
        place,
        headers: {
          ...(type !== undefined && { 'Content-Type': type }),
          ...(cacheControl !== undefined && { 'Cache-Control': cacheControl }),
          ...(compression && { 'X-Cutty-Compression': formatCoding(compression) }),
          ...(createOnly && { 'If-None-Match': '*' }),
        },
        progress: createProgress({
          stream: process.stderr,
          name: source.name || place.key,
          totalBytes: source.sizeBytes,
          now: () => performance.now(),
        }),
      })
      output.done(
        file,
        `Stored ${file.bucket}/${file.key}, ${formatBytes(file.sizeBytes)}, as ${file.contentType}.`,
      )
    },
  }),
  defineCommand({
    name: 'files get',
    summary: 'Download a file',
    description:
      'Writes to a temporary name and renames when the length and the SHA-256 are right, so nothing half is ever seen ' +
      'under the name you gave. What was there is replaced.',
    arguments: [
      fileArgument,
      {
        name: 'local',
        optional: true,
        description: 'A file, a folder, or `-` for standard output; left out, the last part of the key.',
      },
    ],
    options: {},
    examples: ['files get photos/2026/photo.jpg', 'files get backups/docs.tar - | tar x'],
    connects: true,
    json: true,
    run: async ({ positionals, connect, output }) => {
      const [source, local] = positionals as [string, string?]
      const place = parseFilePlace(source)
      const connection = connect()
      const path = local === '-' ? '-' : await destinationFor(local, place.key)
      const result = await download(connection, {
        place,
        target: local === '-' ? streamTarget(process.stdout) : await openTarget(path),
        progress: (totalBytes) =>
          createProgress({
            stream: process.stderr,
            name: place.key,
            totalBytes,
            now: () => performance.now(),
          }),
      })
      // Standard output is the file then.
      if (local === '-') return
      output.done({ ...place, path, ...result }, `Wrote ${path}, ${formatBytes(result.sizeBytes)}.`)
    },
  }),
  defineCommand({
    name: 'files rm',
    summary: 'Delete files',
    description:
      'Each is unreachable at once. A file that is not there is an error, and the others are deleted.',
    arguments: [{ ...fileArgument, many: true }],
    options: {},
    examples: ['files rm photos/2026/photo.jpg'],
    connects: true,
    json: true,
    run: async ({ positionals, connect, output }) => {
      const connection = connect()
      const missing: string[] = []
      for (const [bucket, keys] of Map.groupBy(positionals.map(parseFilePlace), (place) => place.bucket)) {
        for (let start = 0; start < keys.length; start += 1000) {
          const part = keys.slice(start, start + 1000).map(({ key }) => key)
          const path = `${bucketPath(bucket)}/delete`
          const result = await connection.call<{ deleted: string[]; missing: string[] }>('POST', path, {
            keys: part,
          })
          for (const key of result.deleted) output.done({ bucket, key }, `Deleted ${bucket}/${key}.`)
          missing.push(...result.missing.map((key) => `${bucket}/${key}`))
        }
      }
      if (missing.length > 0) throw new CommandError(`There is no file ${missing.join(', ')}.`)
    },
  }),
]

function formatCoding({ mode, level }: { mode: string; level?: number }): string {
  return level === undefined ? mode : `${mode};level=${level}`
}

/** Files and prefixes in one order, that of their bytes. */
function mergeEntries(files: readonly ListedFile[], prefixes: readonly string[]): readonly Entry[] {
  if (prefixes.length === 0) return files
  const name = (entry: Entry) => Buffer.from('key' in entry ? entry.key : entry.prefix)
  return [...files, ...prefixes.map((prefix) => ({ prefix }))].toSorted((a, b) =>
    Buffer.compare(name(a), name(b)),
  )
}
