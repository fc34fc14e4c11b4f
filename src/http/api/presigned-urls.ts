import { z } from 'zod'
import { requireUser } from '../../core/accounts/caller.ts'
import { CuttyError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { revokeLink, revokeLinksOf } from '../../core/links/revoke.ts'
import { signForm } from '../../core/links/sign-form.ts'
import { type LinkRequest, type SignedLink, signLinks, type Site } from '../../core/links/sign-links.ts'
import { parseAuthorization } from '../headers/authorization.ts'
import { attachmentDisposition } from '../headers/content-disposition.ts'
import { jsonReply, noContent, validate } from '../json.ts'
import { problem } from '../openapi.ts'
import { type Call, defineRoute, type Route } from '../route.ts'
import { contentTypeCharsMax, isoTime } from './schemas.ts'

const tag = 'Signed URLs'
const headerText = /^[\x20-\x7e]*$/

const common = {
  bucket: z.string(),
  expiresInSeconds: z
    .int()
    .min(1)
    .max(limits.linkSecondsMax)
    .default(3600)
    .meta({ description: 'How long it counts, at most seven days.' }),
  maxUses: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .meta({ description: 'How often it may be used. Each use is written down.' }),
  accessKeyId: z.string().optional().meta({
    description:
      'Which of your access keys signs. Else the one of the request, or with a token your oldest. The link stops with it.',
  }),
}
const maxBytes = z.int().min(0).max(limits.fileBytesMax).optional()
const contentType = z.string().min(1).max(contentTypeCharsMax).regex(headerText, 'must be printable ASCII')

const linkBody = z
  .strictObject({
    ...common,
    key: z.string(),
    operation: z.enum(['read', 'write', 'delete']).meta({ description: 'A GET, a PUT or a DELETE.' }),
    notBefore: z.iso.datetime().optional().meta({ description: 'Counts from then on; to the second.' }),
    maxBytes: maxBytes.meta({ description: 'Of what is written.' }),
    contentType: contentType.optional().meta({ description: 'That what is written must be sent with.' }),
    disposition: z
      .string()
      .max(limits.headerBytesMax)
      .regex(headerText, 'must be printable ASCII')
      .optional()
      .meta({ description: 'Content-Disposition of what is read.' }),
    downloadName: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .meta({ description: 'In its place: what is read is saved as a file of this name.' }),
    stableWindowSeconds: z
      .int()
      .min(1)
      .max(limits.linkSecondsMax - 1)
      .optional()
      .meta({
        description:
          'Equal requests within one such window of time get an equal URL, which counts for `expiresInSeconds` beyond the ' +
          'end of the window.',
      }),
    cache: z
      .enum(['public', 'private'])
      .optional()
      .meta({
        description:
          'Whether shared caches may keep what is read, at most for as long as the URL counts. Else those may that have a ' +
          '`stableWindowSeconds` and no `maxUses`.',
      }),
  })
  .meta({ id: 'LinkRequest' })

const linkShape = z
  .object({
    id: z.string().meta({ description: 'To revoke it by.' }),
    url: z.string(),
    method: z.enum(['GET', 'PUT', 'DELETE']),
    headers: z.record(z.string(), z.string()).meta({ description: 'That must be sent with it.' }),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'Link' })

const failedShape = z.object({ error: z.object({ code: z.string(), detail: z.string() }) })
const index = z.int().meta({ description: 'In the request.' })

const batchBody = z.strictObject({
  items: z
    .array(z.unknown())
    .min(1)
    .max(limits.linksBatchMax)
    .meta({ description: 'Each is what the body of `POST /api/v1/presigned-urls` would be.' }),
})

const formBody = z
  .strictObject({
    ...common,
    key: z
      .string()
      .optional()
      .meta({ description: 'Of the file. `${filename}` in it stands for the name of what is sent.' }),
    keyPrefix: z.string().optional().meta({ description: 'In its place: what the key must begin with.' }),
    minBytes: maxBytes,
    maxBytes,
    contentType: contentType
      .optional()
      .meta({ description: 'To the letter, or as `image/*` what it begins with.' }),
    fields: z
      .record(z.string().regex(/^[\w-]{1,128}$/, 'must be the name of a field'), z.string().max(2048))
      .optional()
      .meta({
        description: 'Further fields of the form, such as `acl`, `x-amz-meta-…`, `success_action_redirect`.',
      }),
  })
  .refine(({ key, keyPrefix }) => (key === undefined) !== (keyPrefix === undefined), {
    message: 'either key or keyPrefix must be given',
  })

const formShape = z
  .object({
    id: z.string(),
    url: z.string(),
    fields: z
      .record(z.string(), z.string())
      .meta({ description: 'In front of the field `file`, which comes last.' }),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'Form' })

/** Where links lead: to the configured origin, else to where this request was sent. `X-Forwarded-*` anybody could send. */
function siteOf({ request, signing }: Pick<Call, 'request' | 'signing'>): Site {
  const { signingKeys, publicOrigin } = signing
  const origin = URL.parse(publicOrigin ?? `${request.scheme ?? 'http'}://${request.header('host') ?? ''}`)
  if (!origin || origin.href !== `${origin.origin}/`) {
    throw new CuttyError(
      'invalid_request',
      'The request has no Host to make a URL for, and none is configured.',
    )
  }
  return { scheme: origin.protocol === 'https:' ? 'https' : 'http', host: origin.host, signingKeys }
}

/** Who came with an access key signs with that one. */
function ownKey({ request }: Pick<Call, 'request'>): string | undefined {
  const authorization = parseAuthorization(request.header('authorization'))
  return authorization?.scheme === 'basic' ? authorization.accessKeyId : undefined
}

function linkRequest(call: Call, body: z.infer<typeof linkBody>): LinkRequest {
  const { downloadName, notBefore, cache, accessKeyId = ownKey(call), ...rest } = body
  if (downloadName !== undefined && rest.disposition !== undefined) {
    throw new CuttyError('invalid_request', 'Either downloadName or disposition, not both.')
  }
  const { operation, stableWindowSeconds, maxUses } = body
  const isStable = operation === 'read' && stableWindowSeconds !== undefined && maxUses === undefined
  const isPublic = cache === undefined ? isStable : cache === 'public'
  return {
    ...rest,
    accessKeyId,
    ...(notBefore !== undefined && { notBeforeMs: Date.parse(notBefore) }),
    ...(downloadName !== undefined && { disposition: attachmentDisposition(downloadName) }),
    ...(isPublic && { isPublic }),
  }
}

function showLink({ expiresAtMs, ...link }: SignedLink): z.infer<typeof linkShape> {
  return { ...link, expiresAt: isoTime(expiresAtMs) }
}

async function makeLinks(call: Call, items: readonly unknown[]) {
  requireUser(call.caller)
  const requests = items.map((item) => {
    try {
      return linkRequest(call, validate(linkBody, item, 'body'))
    } catch (error) {
      if (error instanceof CuttyError) return error
      throw error
    }
  })
  const valid = requests.filter((request): request is LinkRequest => !(request instanceof CuttyError))
  const links = (await signLinks(call.core, call.caller, valid, siteOf(call)))[Symbol.iterator]()
  return requests.map((request) => (request instanceof CuttyError ? request : links.next().value!))
}

const signRoutes = [
  defineRoute({
    method: 'POST',
    path: '/api/v1/presigned-urls',
    tag,
    summary: 'Sign a URL',
    description:
      'For whoever has the URL, until it expires. It is a URL of the S3 endpoint with Signature Version 4 in its query; who has ' +
      'the secret of a key can make it without asking. It can do no more than the key that signed it, and stops when that does.',
    body: linkBody,
    responses: {
      201: { description: 'The URL', schema: linkShape },
      403: problem('You may not do that yourself'),
      404: problem('No such bucket, or no key to sign with'),
    },
    handle: async (call) => {
      const [link] = await signLinks(call.core, call.caller, [linkRequest(call, call.body)], siteOf(call))
      if (!link || link instanceof CuttyError) throw link ?? new CuttyError('internal')
      return jsonReply(201, showLink(link))
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/presigned-urls/batch',
    tag,
    summary: 'Sign up to 1,000 URLs',
    description:
      'In the order of the request, duplicates included. Where one cannot be made, the others are.',
    body: batchBody,
    responses: {
      200: {
        description: 'A URL or an error for each',
        schema: z.object({
          items: z.array(z.union([linkShape.extend({ index }), failedShape.extend({ index })])),
        }),
      },
    },
    handle: async (call) => {
      const made = await makeLinks(call, call.body.items)
      const items = made.map((link, at) =>
        link instanceof CuttyError
          ? { index: at, error: { code: link.code, detail: link.message } }
          : { index: at, ...showLink(link) },
      )
      return jsonReply(200, { items })
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/presigned-posts',
    tag,
    summary: 'Sign a form',
    description:
      'For browsers to upload with: a form that posts these fields, and last the file, to this URL as `multipart/form-data`.',
    body: formBody,
    responses: { 201: { description: 'The form', schema: formShape } },
    handle: async (call) => {
      const { accessKeyId = ownKey(call), ...body } = call.body
      const form = await signForm(call.core, call.caller, { ...body, accessKeyId }, siteOf(call))
      const { expiresAtMs, ...shown } = form
      return jsonReply(201, { ...shown, expiresAt: isoTime(expiresAtMs) })
    },
  }),
]

const revokedShape = z.object({
  linksRevokedBefore: z.iso
    .datetime()
    .meta({ description: 'What was signed earlier does not count any more. The next full second.' }),
})

async function revokeAll({ core, caller }: Call, of: { userId: string; accessKeyId?: string }) {
  return jsonReply(200, { linksRevokedBefore: isoTime(await revokeLinksOf(core, caller, of)) })
}

const revokeRoutes = [
  defineRoute({
    method: 'DELETE',
    path: '/api/v1/presigned-urls/{id}',
    tag,
    summary: 'Revoke a signed URL or form',
    description:
      'Yours of that id. Nothing is known of a link before it is used, so an id that nobody has ever made is revoked as well.',
    query: z.strictObject({
      user: z.string().optional().meta({ description: 'Another user’s, for administrators.' }),
    }),
    responses: { 204: { description: 'Revoked' }, 404: problem('No such user') },
    handle: async ({ core, caller, params, query }) => {
      const userId = query.user ?? requireUser(caller)
      await revokeLink(core, caller, { userId, id: params['id'] as string })
      return noContent()
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/users/{user}/access-keys/{accessKey}/revoke-links',
    tag,
    summary: 'Revoke all that an access key has signed',
    description: 'Every URL and form up to now. The key itself goes on.',
    responses: { 200: { description: 'Revoked', schema: revokedShape } },
    handle: (call) => {
      const { user: userId, accessKey: accessKeyId } = call.params as { user: string; accessKey: string }
      return revokeAll(call, { userId, accessKeyId })
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/users/{user}/revoke-links',
    tag,
    summary: 'Revoke all that the keys of a user have signed',
    description: 'Every URL and form up to now. The keys themselves go on.',
    responses: { 200: { description: 'Revoked', schema: revokedShape } },
    handle: (call) => revokeAll(call, { userId: call.params['user'] as string }),
  }),
]

export const presignedUrlRoutes: readonly Route[] = [...signRoutes, ...revokeRoutes]
