import { z } from 'zod'
import { countRead } from '../../core/cache/read-counts.ts'
import { findFileRecord } from '../../core/files/record.ts'
import type { HttpReply } from '../exchange.ts'
import { createFileHeaders, replyWithFile } from '../file-reply.ts'
import { asAttachment } from '../headers/content-disposition.ts'
import { formatEtag } from '../headers/etag.ts'
import { jsonReply } from '../json.ts'
import { problem } from '../openapi.ts'
import { type Call, defineRoute } from '../route.ts'
import { checkPreconditions } from '../file-conditions.ts'
import { fileOf, filePath, tag } from './file-target.ts'
import { describeFile } from './schemas.ts'

async function getFile(
  call: Call<{ download?: string | undefined; info?: string | undefined }>,
): Promise<HttpReply> {
  const { core, caller, request, query, trace } = call
  const action = query.info === undefined ? 'read_file' : 'list'
  const { bucket, key } = fileOf(call)
  const finding = findFileRecord(core, caller, { bucket, key, action, upToDate: false, found: trace.rows })
  // What is in memory is not waited for: each turn of the queue costs as much as the look-up.
  const file = finding instanceof Promise ? await finding : finding
  if (query.info !== undefined) return jsonReply(200, describeFile(file), { ETag: formatEtag(file.etag) })

  const outcome = checkPreconditions(request, request.method, file, core.clock.now())
  const headers =
    query.download === undefined
      ? undefined
      : { 'Content-Disposition': asAttachment(file.headers.contentDisposition, file.key) }
  const reply = await replyWithFile(call, file, { headersOf, outcome, headers })
  if (request.method === 'GET') countRead(core, { bucket, key })
  return reply
}

const headersOf = createFileHeaders({ metadataPrefix: 'X-Cutty-Meta-' })

const readHeaders = {
  'Accept-Encoding':
    'A file that is compressed at rest is sent as it is stored where this asks for that coding, else decoded.',
  Range: 'One range of bytes.',
  'If-Match': 'Go on only if the file has one of these ETags.',
  'If-None-Match': 'Go on only if it has none of them.',
  'If-Modified-Since': 'Go on only if it was changed since.',
  'If-Unmodified-Since': 'Go on only if it was not changed since.',
  'Want-Repr-Digest': '`sha-256=1`: send the SHA-256 of the whole file as Repr-Digest (RFC 9530).',
  'If-Range': 'Send the range only if the file has this ETag, else all of it.',
}

export const downloadRoute = defineRoute({
  method: 'GET',
  path: filePath,
  tag,
  summary: 'Download a file',
  description:
    'Ranges and conditions follow RFC 9110. HTML, SVG and other types that browsers run are sent as attachments.',
  query: z.strictObject({
    download: z.string().optional().meta({ description: 'When present: send as an attachment.' }),
    info: z.string().optional().meta({ description: 'When present: describe the file as JSON instead.' }),
  }),
  headers: readHeaders,
  responses: {
    200: { description: 'The content', type: '*/*' },
    206: { description: 'A range of it', type: '*/*' },
    304: { description: 'Not modified' },
    404: problem('No such file'),
    406: problem('Every form of the file is refused by Accept-Encoding'),
    412: problem('A condition does not hold'),
    416: problem('The range lies outside the file'),
  },
  handle: getFile,
})
