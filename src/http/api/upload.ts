import { z } from 'zod'
import { CuttyError } from '../../core/errors.ts'
import { changeDescription, deleteFile } from '../../core/files/change.ts'
import { putFile } from '../../core/files/put.ts'
import type { HttpReply, HttpRequest } from '../exchange.ts'
import { parseCompressionHeader } from '../headers/compression.ts'
import { parseContentMd5, parseDigestHeader } from '../headers/digest.ts'
import { formatEtag } from '../headers/etag.ts'
import { jsonReply, noContent } from '../json.ts'
import { problem } from '../openapi.ts'
import { type Call, defineRoute, type Route } from '../route.ts'
import { writePrecondition } from '../file-conditions.ts'
import { changeOf, compressionHeader, describeUpload, metadataHeaders } from './file-description.ts'
import { fileOf, filePath, locationOf, tag, withKey } from './file-target.ts'
import { description, describeFile, fileShape } from './schemas.ts'

async function putContent(call: Call): Promise<HttpReply> {
  const { core, caller, request } = call
  const target = fileOf(call)
  if (request.header('content-range') !== undefined) {
    // RFC 9110 §14.5: storing a part as the whole would destroy the file.
    throw new CuttyError('invalid_request', 'A PUT with Content-Range is not supported; send the whole file.')
  }
  const { file, created } = await putFile(core, caller, {
    ...target,
    body: request.body,
    sizeBytes: request.bodyBytes,
    digests: expectedDigests(request),
    describe: describeUpload(request, target.key),
    compression: parseCompressionHeader(request.header('x-cutty-compression')),
    precondition: writePrecondition(call),
  })
  return jsonReply(created ? 201 : 200, describeFile(file), {
    ETag: formatEtag(file.etag),
    Location: locationOf(file),
  })
}

/** Content and representation are the same here: what is sent is what is stored, its own coding included. */
function expectedDigests(request: HttpRequest) {
  const contentMd5 = request.header('content-md5')
  const digests = new Map<'md5' | 'sha' | 'sha-256' | 'sha-512', Uint8Array>()
  if (contentMd5 !== undefined) digests.set('md5', parseContentMd5(contentMd5))
  for (const name of ['Content-Digest', 'Repr-Digest']) {
    const value = request.header(name.toLowerCase())
    if (value === undefined) continue
    for (const [algorithm, digest] of parseDigestHeader(value, name)) {
      const other = digests.get(algorithm)
      if (other?.some((byte, index) => byte !== digest[index])) {
        throw new CuttyError('digest_mismatch', `The request declares two different ${algorithm} digests.`)
      }
      digests.set(algorithm, digest)
    }
  }
  return digests
}

async function patchFile(call: Call<unknown, z.infer<typeof patchBody>>): Promise<HttpReply> {
  const { core, caller, body } = call
  const file = await changeDescription(core, caller, {
    ...fileOf(call),
    change: (current) => changeOf(current, body),
    precondition: writePrecondition(call),
  })
  return jsonReply(200, describeFile(file), { ETag: formatEtag(file.etag) })
}

const patchBody = z.strictObject(description).partial()

const writeHeaders = {
  'If-Match': 'Write only over a file with one of these ETags (compare and swap).',
  'If-None-Match': '`*`: create only.',
}

/** PUT, PATCH and DELETE of one file. */
export const uploadRoutes: Route[] = [
  ...withKey(
    defineRoute({
      method: 'PUT',
      path: filePath,
      tag,
      summary: 'Upload a file',
      description:
        'The body is the file. Nothing is stored unless all of it arrives and matches what was declared; when the ' +
        'reply comes, it is durable.',
      rawBody: { type: '*/*', description: 'The content' },
      headers: {
        ...writeHeaders,
        ...metadataHeaders,
        ...compressionHeader,
        'Content-MD5': 'MD5 of the content, base64. Checked.',
        'Content-Digest': 'RFC 9530, sha-256, sha-512 or md5. Checked.',
        'Repr-Digest': 'The same.',
      },
      responses: {
        200: { description: 'Replaced', schema: fileShape },
        201: { description: 'Created', schema: fileShape },
        400: problem('The body is not what was declared'),
        412: problem('A condition does not hold'),
        507: problem('No room left'),
      },
      handle: putContent,
    }),
  ),
  ...withKey(
    defineRoute({
      method: 'PATCH',
      path: filePath,
      tag,
      summary: 'Change a file’s type, headers, metadata or tags',
      description: 'What is left out stays; null removes. `metadata` and `tags` are replaced as a whole.',
      body: patchBody,
      headers: writeHeaders,
      responses: { 200: { description: 'The file', schema: fileShape } },
      handle: patchFile,
    }),
  ),
  ...withKey(
    defineRoute({
      method: 'DELETE',
      path: filePath,
      tag,
      summary: 'Delete a file',
      headers: { 'If-Match': writeHeaders['If-Match'] },
      responses: { 204: { description: 'Deleted' }, 404: problem('No such file') },
      handle: async (call) => {
        await deleteFile(call.core, call.caller, { ...fileOf(call), precondition: writePrecondition(call) })
        return noContent()
      },
    }),
  ),
]
