import { z } from 'zod'
import { CuttyError } from '../../core/errors.ts'
import { jsonReply } from '../json.ts'
import { defineRoute } from '../route.ts'

const tag = 'Health'
const shape = z.object({ status: z.literal('ok') })

export const healthRoutes = [
  defineRoute({
    method: 'GET',
    path: '/health',
    tag,
    summary: 'Alive?',
    description: 'Answers as long as the process does.',
    responses: { 200: { description: 'Alive', schema: shape } },
    handle: () => jsonReply(200, { status: 'ok' }),
  }),
  defineRoute({
    method: 'GET',
    path: '/ready',
    tag,
    summary: 'Ready?',
    description: 'Whether database and store can be reached.',
    responses: { 200: { description: 'Ready', schema: shape }, 503: { description: 'Not ready' } },
    handle: async ({ core }) => {
      const results = await Promise.allSettled([core.database.ping(), core.blobs.ping()])
      const failed = ['database', 'store'].filter((_, index) => results[index]?.status === 'rejected')
      const cause = results.find((result) => result.status === 'rejected')?.reason as unknown
      if (failed.length === 0) return jsonReply(200, { status: 'ok' })
      throw new CuttyError('not_ready', `Cannot be reached: ${failed.join(', ')}.`, {
        cause,
        extras: { failed },
      })
    },
  }),
]
