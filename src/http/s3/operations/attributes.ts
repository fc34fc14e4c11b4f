import type { Core } from '../../../core/core.ts'
import { parseCompositeValue } from '../../../core/checksums/multipart.ts'
import { formatChecksumValue } from '../../../core/checksums/checksum.ts'
import type { FileRecord } from '../../../core/files/file.ts'
import { countFileParts, readFileParts } from '../../../core/files/parts.ts'
import { findFileRecord } from '../../../core/files/record.ts'
import { limits } from '../../../core/limits.ts'
import type { HttpReply, HttpRequest } from '../../exchange.ts'
import { formatHttpDate } from '../../headers/http-date.ts'
import { checksumElements } from '../checksum-headers.ts'
import type { Operation, S3Call } from '../operation.ts'
import { pageLimit } from '../page-limit.ts'
import { S3Error } from '../s3-error.ts'
import { checkVersion } from '../versions.ts'
import { xmlReply } from '../xml-reply.ts'
import type { XmlContent } from '../xml-write.ts'

const attributes = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const

type Attribute = (typeof attributes)[number]

async function getObjectAttributes(call: S3Call): Promise<HttpReply> {
  const { core, caller, request, trace, bucket, key } = call
  checkVersion(call)
  const wanted = readAttributes(request)
  const file = await findFileRecord(core, caller, {
    bucket,
    key,
    action: 'read_file',
    upToDate: false,
    found: trace.rows,
  })
  const content: Record<Attribute, () => XmlContent | Promise<XmlContent>> = {
    // The one place where S3 leaves out the quotes.
    ETag: () => file.etag,
    Checksum: () => checksumOf(file),
    ObjectParts: () => partsOf(core, request, file),
    StorageClass: () => 'STANDARD',
    ObjectSize: () => file.sizeBytes,
  }
  const elements: Record<string, XmlContent> = {}
  for (const name of attributes) {
    if (wanted.has(name)) elements[name] = await content[name]()
  }
  return xmlReply(200, 'GetObjectAttributesResponse', elements, {
    'Last-Modified': formatHttpDate(file.modifiedAtMs),
  })
}

function readAttributes(request: HttpRequest): ReadonlySet<string> {
  const names = (request.header('x-amz-object-attributes') ?? '').split(',').map((name) => name.trim())
  if (names.every((name) => (attributes as readonly string[]).includes(name))) return new Set(names)
  const value = names.join(',')
  throw new S3Error(
    'InvalidArgument',
    value === '' ? 'The x-amz-object-attributes header is missing.' : 'Invalid attribute name specified.',
    { elements: { ArgumentName: 'x-amz-object-attributes', ArgumentValue: value } },
  )
}

/** Without the number of parts behind it, which headers and listings have. */
function checksumOf({ checksum }: FileRecord): XmlContent {
  if (checksum?.type !== 'COMPOSITE') return checksum && checksumElements(checksum)
  const digest = parseCompositeValue(checksum.algorithm, checksum.value)?.digest
  return checksumElements({ ...checksum, value: digest ? formatChecksumValue(digest) : checksum.value })
}

/** Of what came in one piece there is nothing to say. */
async function partsOf(core: Core, request: HttpRequest, file: FileRecord): Promise<XmlContent> {
  const limit = pageLimit('x-amz-max-parts', request.header('x-amz-max-parts'))
  const marker = 'x-amz-part-number-marker'
  const after = pageLimit(marker, request.header(marker), { none: 0, most: limits.partsMax })
  const partsCount = await countFileParts(core, file)
  if (partsCount === undefined) return undefined
  const parts = await readFileParts(core, file, { after, limit: limit + 1 })
  const shown = parts.slice(0, limit)
  const algorithm = file.checksum?.algorithm
  return {
    PartsCount: partsCount,
    PartNumberMarker: after,
    NextPartNumberMarker: shown.at(-1)?.number ?? 0,
    MaxParts: limit,
    // Nothing comes after a page of none.
    IsTruncated: limit > 0 && parts.length > limit,
    Part: shown.map(({ number, sizeBytes, checksum }) => ({
      PartNumber: number,
      Size: sizeBytes,
      ...(algorithm !== undefined && checksum !== undefined && { [`Checksum${algorithm}`]: checksum }),
    })),
  }
}

export const attributeOperations: readonly Operation[] = [
  {
    name: 'GetObjectAttributes',
    method: 'GET',
    scope: 'object',
    parameter: 'attributes',
    notes: 'Parts are listed whether they have checksums or not.',
    handle: getObjectAttributes,
  },
]
