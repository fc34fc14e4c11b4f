import { z } from 'zod'
import { copyFile, deleteFiles, renameFile } from '../../core/files/change.ts'
import { listFiles } from '../../core/files/list.ts'
import { checkKey } from '../../core/files/names.ts'
import { putFile } from '../../core/files/put.ts'
import type { FileRecord } from '../../core/files/file.ts'
import { limits } from '../../core/limits.ts'
import { CuttyError } from '../../core/errors.ts'
import type { FileListRow } from '../../core/statements/listing.ts'
import type { HttpReply } from '../exchange.ts'
import { readForm } from '../form.ts'
import { parseCompressionHeader } from '../headers/compression.ts'
import { contentTypeFor } from '../headers/content-type.ts'
import { fileTagMatches, formatEtag, parseEtagList } from '../headers/etag.ts'
import { jsonReply } from '../json.ts'
import { isFailure, problemReply, toCuttyError } from '../problem.ts'
import { type Call, defineRoute } from '../route.ts'
import { downloadRoute } from './download.ts'
import { changeOf, compressionHeader } from './file-description.ts'
import { locationOf, tag } from './file-target.ts'
import { description, describeFile, fileShape, isoTime, pageLimit } from './schemas.ts'

const listedShape = fileShape
  .pick({
    key: true,
    versionId: true,
    sizeBytes: true,
    etag: true,
    contentType: true,
    createdAt: true,
    modifiedAt: true,
  })
  .meta({ id: 'ListedFile' })

function showListed(file: FileListRow): z.infer<typeof listedShape> {
  const { key, versionId, sizeBytes, contentType } = file
  return {
    key,
    versionId,
    sizeBytes,
    etag: `"${file.etag}"`,
    contentType,
    createdAt: isoTime(file.createdAtMs),
    modifiedAt: isoTime(file.modifiedAtMs),
  }
}

const listQuery = z.strictObject({
  prefix: z.string().default('').meta({ description: 'Only keys that begin with this.' }),
  delimiter: z
    .string()
    .min(1)
    .max(limits.keyBytesMax)
    .optional()
    .meta({ description: 'Fold keys that go on alike up to this text into one common prefix; usually `/`.' }),
  type: z
    .string()
    .regex(/^[\w!#$&^.+-]+\/([\w!#$&^.+-]+|\*)$/, 'must be a media type, such as image/png or image/*')
    .optional(),
  sort: z.enum(['key', 'modified', 'size']).default('key'),
  order: z.enum(['asc', 'desc']).default('asc'),
  limit: pageLimit,
  cursor: z.string().optional().meta({ description: '`nextCursor` of the page before.' }),
  key: z.string().optional().meta({ description: 'Not a listing, but the file of this key.' }),
  download: z.string().optional().meta({ description: 'With `key`: send as an attachment.' }),
  info: z.string().optional().meta({ description: 'With `key`: describe the file as JSON.' }),
})

const place = z.strictObject({
  bucket: z.string().optional().meta({ description: 'Left out: the bucket of the path.' }),
  key: z.string(),
})

const conditions = z
  .strictObject({
    ifMatch: z.string().optional().meta({ description: 'Only over a file with this ETag.' }),
    ifNoneMatch: z.literal('*').optional().meta({ description: 'Only where there is no file.' }),
  })
  .meta({ description: 'About the destination.' })

/** A condition of a JSON body: the one of a header, without its syntax. */
function preconditionOf(wanted: z.infer<typeof conditions> | undefined) {
  if (wanted?.ifMatch === undefined && wanted?.ifNoneMatch === undefined) return undefined
  return (current: FileRecord | undefined) => {
    const holds =
      (wanted.ifNoneMatch === undefined || current === undefined) &&
      (wanted.ifMatch === undefined || (current !== undefined && namesFile(wanted.ifMatch, current)))
    if (!holds) throw new CuttyError('precondition_failed', 'The destination is not what the conditions say.')
  }
}

/** In any of its forms: the client may hold any (R2). */
function namesFile(ifMatch: string, file: FileRecord): boolean {
  return fileTagMatches(parseEtagList(ifMatch) ?? [], file.etag, 'strong')
}

const transferBody = z.strictObject({ source: place, destination: place, conditions: conditions.optional() })

function transferOf(call: Call<unknown, z.infer<typeof transferBody>>) {
  const bucket = call.params['bucket'] as string
  const { source, destination } = call.body
  return {
    source: { bucket, ...source },
    destination: { bucket, ...destination },
    precondition: preconditionOf(call.body.conditions),
  }
}

function transferred(file: FileRecord): HttpReply {
  return jsonReply(200, describeFile(file), { ETag: formatEtag(file.etag), Location: locationOf(file) })
}

const uploadShape = z.object({
  files: z.array(
    z.object({
      key: z.string(),
      file: fileShape.optional(),
      error: z.looseObject({ code: z.string(), detail: z.string() }).optional(),
    }),
  ),
})

/**
 * Each file of the form stands for itself: one that fails is told in its place, and the others are stored. Only a form
 * that breaks off or cannot be read is an error as a whole.
 */
async function postForm(call: Call<{ prefix: string }>): Promise<HttpReply> {
  const { core, caller, request, query } = call
  const bucket = call.params['bucket'] as string
  const results: z.infer<typeof uploadShape>['files'] = []
  const keys = new Set<string>()
  const compression = parseCompressionHeader(request.header('x-cutty-compression'))
  await readForm(request, async (part) => {
    const key = part.fields['key'] ?? `${part.fields['prefix'] ?? query.prefix}${part.fileName}`
    const result: (typeof results)[number] = { key }
    // In the form's order, whichever is stored first.
    results.push(result)
    try {
      checkKey(key)
      // The second would replace the first, or the other way round.
      if (keys.has(key)) throw new CuttyError('invalid_request', 'The form holds another file with this key.')
      keys.add(key)
      const { file } = await putFile(core, caller, {
        bucket,
        key,
        body: part.body,
        compression,
        describe: async (head) => ({
          contentType: await contentTypeFor({ declared: part.contentType, key, head }),
          headers: {},
          metadata: {},
          tags: {},
        }),
      })
      result.file = describeFile(file)
    } catch (thrown) {
      const error = toCuttyError(thrown)
      // Errors about the whole request are not one file's.
      if (['bucket_not_found', 'access_denied', 'unauthenticated', 'body_incomplete'].includes(error.code))
        throw error
      if (isFailure(error))
        core.observe({ type: 'failure', requestId: undefined, during: 'form upload', error })
      result.error = JSON.parse(problemReply(error, '').body as string) as { code: string; detail: string }
    }
  })
  if (results.length === 0) throw new CuttyError('invalid_request', 'The form holds no file.')
  const failed = results.some(({ error }) => error !== undefined)
  return jsonReply(failed ? 207 : 201, { files: results })
}

export const fileRoutes = [
  defineRoute({
    method: 'GET',
    path: '/api/v1/buckets/{bucket}/files',
    tag,
    summary: 'List files',
    description:
      'In byte order of their keys, or by time or size. A page may be shorter than its limit; the listing is at its ' +
      'end when `nextCursor` is null. With `key`, this path is the file of that key.',
    query: listQuery,
    responses: {
      200: {
        description: 'A page',
        schema: z.object({
          files: z.array(listedShape),
          commonPrefixes: z.array(z.string()),
          nextCursor: z.string().nullable(),
        }),
      },
    },
    handle: async (call) => {
      const { core, caller, query } = call
      if (query.key !== undefined) return downloadRoute.handle(call)
      const listing = await listFiles(core, caller, { bucket: call.params['bucket'] as string, ...query })
      const { commonPrefixes, nextCursor = null } = listing
      return jsonReply(200, { files: listing.files.map(showListed), commonPrefixes, nextCursor })
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/buckets/{bucket}/files',
    tag,
    summary: 'Upload files by a form',
    description:
      'Each file part is stored under the prefix and its file name, or under the form field `key` that comes right ' +
      'before it. 207 when some files were stored and some were not.',
    query: z.strictObject({ prefix: z.string().default('') }),
    rawBody: { type: 'multipart/form-data', description: 'One or more files' },
    headers: compressionHeader,
    responses: {
      201: { description: 'All stored', schema: uploadShape },
      207: { description: 'Some stored', schema: uploadShape },
    },
    handle: postForm,
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/buckets/{bucket}/copy',
    tag,
    summary: 'Copy a file',
    description:
      'Within a bucket or across. No byte is copied; `replace` gives the copy another description.',
    body: transferBody.extend({ replace: z.strictObject(description).partial().optional() }),
    responses: { 200: { description: 'The copy', schema: fileShape } },
    handle: async (call) => {
      const { replace } = call.body
      const change = replace && ((source: FileRecord) => changeOf(source, replace))
      return transferred(await copyFile(call.core, call.caller, { ...transferOf(call), change }))
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/buckets/{bucket}/rename',
    tag,
    summary: 'Rename a file',
    description: 'To another key, or into another bucket, in one step. Replaces what is there.',
    body: transferBody,
    responses: { 200: { description: 'The file at its new place', schema: fileShape } },
    handle: async (call) => transferred(await renameFile(call.core, call.caller, transferOf(call))),
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/buckets/{bucket}/delete',
    tag,
    summary: 'Delete many files',
    body: z.strictObject({ keys: z.array(z.string()).min(1).max(limits.deleteManyMax) }),
    responses: {
      200: {
        description: 'Which were deleted, and which were not there',
        schema: z.object({ deleted: z.array(z.string()), missing: z.array(z.string()) }),
      },
    },
    handle: async ({ core, caller, params, body }) =>
      jsonReply(
        200,
        await deleteFiles(core, caller, { bucket: params['bucket'] as string, keys: body.keys }),
      ),
  }),
]
