import { z } from 'zod'
import { readAccesses } from '../../core/access-log/read.ts'
import type { AccessRow } from '../../core/statements/access-log.ts'
import { jsonReply } from '../json.ts'
import { defineRoute } from '../route.ts'
import { isoTime, shortPageLimit } from './schemas.ts'

const entryShape = z
  .object({
    at: z.iso.datetime().meta({ description: 'When the request came.' }),
    requestId: z.string().meta({ description: 'As the response had it in `X-Request-Id`.' }),
    userId: z
      .string()
      .nullable()
      .meta({ description: 'Null for the public, and for who could not show who they are.' }),
    method: z.string(),
    operation: z.string().meta({
      description:
        'Of S3, such as `GetObject`; else the path of the endpoint. `unknown` where it is neither.',
    }),
    bucket: z
      .string()
      .nullable()
      .meta({ description: 'As the request named it, whether there is one or not.' }),
    path: z.string().meta({ description: 'As it was sent, without the query.' }),
    status: z.int(),
    errorCode: z.string().nullable(),
    bytesReceived: z.int().meta({ description: 'Of the content, as far as it was taken.' }),
    bytesSent: z.int().meta({ description: 'Of the content.' }),
    durationMs: z.number().meta({ description: 'To the last byte.' }),
    aborted: z.boolean().meta({ description: 'It broke off before the whole content was sent.' }),
  })
  .meta({ id: 'AccessLogEntry' })

const time = z.iso.datetime({ offset: true }).optional()

export const accessLogRoutes = [
  defineRoute({
    method: 'GET',
    path: '/api/v1/access-log',
    tag: 'Access log',
    summary: 'List requests',
    description:
      'The newest first, those that were refused too: your own, or those of all for an administrator. A page may be shorter than ' +
      'its limit, or empty, and still have a next one, since it looks at so many entries and no more: go on until `nextCursor` is ' +
      'null. `not_found` where no access log is kept.',
    query: z.strictObject({
      user: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Id of a user. Others than you: administrators only.' }),
      bucket: z.string().min(1).optional().meta({ description: 'Its name.' }),
      statusMin: z.coerce.number().int().min(100).max(599).optional().meta({
        description:
          'Only those answered with this status or a higher one: with 400, what was refused or failed.',
      }),
      from: time.meta({ description: 'Only those that came then or later.' }),
      to: time.meta({ description: 'Only those that came before.' }),
      limit: shortPageLimit,
      cursor: z
        .string()
        .optional()
        .meta({ description: 'The `nextCursor` of the page before, with the same parameters beside it.' }),
    }),
    responses: {
      200: {
        description: 'A page of requests',
        schema: z.object({ entries: z.array(entryShape), nextCursor: z.string().nullable() }),
      },
    },
    handle: async ({ core, caller, query }) => {
      const { user: userId, from, to, ...rest } = query
      const { entries, nextCursor } = await readAccesses(core, caller, {
        ...rest,
        userId,
        fromMs: from === undefined ? undefined : Date.parse(from),
        toMs: to === undefined ? undefined : Date.parse(to),
      })
      return jsonReply(200, { entries: entries.map(describe), nextCursor: nextCursor ?? null })
    },
  }),
]

function describe(row: AccessRow): z.infer<typeof entryShape> {
  const { atMs, number: _, aborted, ...entry } = row
  return { at: isoTime(atMs), ...entry, aborted: aborted === 1 }
}
