import { defineCommand, parseDuration } from '../command.ts'
import { type Column, formatTime } from '../output.ts'
import { readPages } from '../pages.ts'

/** As the API describes it. */
interface Entry {
  readonly at: string
  readonly userId: string | null
  readonly method: string
  readonly operation: string
  readonly path: string
  readonly status: number
  readonly errorCode: string | null
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly durationMs: number
  readonly aborted: boolean
}

interface Page {
  readonly entries: readonly Entry[]
  readonly nextCursor: string | null
}

const pageEntriesMax = 1000

const outcome = ({ status, errorCode, aborted }: Entry) =>
  [status, errorCode, aborted ? 'aborted' : null].filter((part) => part !== null).join(' ')

const columns: readonly Column[] = [
  { title: 'TIME', text: ({ at }: Entry) => formatTime(at) },
  { title: 'STATUS', text: outcome },
  { title: 'ms', align: 'right', text: ({ durationMs }: Entry) => durationMs.toFixed(1) },
  { title: 'IN', align: 'right', text: ({ bytesReceived }: Entry) => String(bytesReceived) },
  { title: 'OUT', align: 'right', text: ({ bytesSent }: Entry) => String(bytesSent) },
  { title: 'USER', text: ({ userId }: Entry) => userId ?? '-' },
  // Of S3 the operation says more than the method.
  {
    title: 'REQUEST',
    text: ({ method, operation, path }: Entry) =>
      operation.startsWith('/') || operation === 'unknown' ? `${method} ${path}` : `${operation} ${path}`,
  },
]

/** `90m` before now, or a time. */
function parseMoment(text: string): string {
  const time = /^\d{4}-/.test(text) ? Date.parse(text) : Date.now() - secondsOf(text) * 1000
  if (Number.isNaN(time))
    throw new Error('must be a duration such as 90m, or a time such as 2026-11-21T08:00:00Z')
  return new Date(time).toISOString()
}

function secondsOf(text: string): number {
  try {
    return parseDuration(text)
  } catch {
    return Number.NaN
  }
}

export const logCommands = [
  defineCommand({
    name: 'log',
    summary: 'Show requests, the newest first',
    description:
      'Your own; an administrator sees those of all. Those that were refused are there too, with their error codes. Times are in UTC.',
    arguments: [],
    options: {
      bucket: { type: 'string', value: '<bucket>', description: 'Only those that named this bucket.' },
      user: { type: 'string', value: '<id>', description: 'Only those of this user.' },
      refused: { type: 'boolean', description: 'Only those that were refused or failed.' },
      since: {
        type: 'string',
        value: '<when>',
        description:
          'Only those that came then or later: `90m` ago, `7d`, or a time such as `2026-11-21T08:00:00Z`.',
        parse: parseMoment,
      },
      until: {
        type: 'string',
        value: '<when>',
        description: 'Only those that came before.',
        parse: parseMoment,
      },
      limit: {
        type: 'string',
        value: '<number>',
        description: 'How many; 0: all there are.',
        default: '100',
        parse: (text: string) => {
          if (!/^\d{1,9}$/.test(text)) throw new Error('must be a whole number')
          return Number(text) || Number.POSITIVE_INFINITY
        },
      },
    },
    examples: ['log', 'log --refused --since 24h', 'log --bucket photos --limit 0 --json'],
    connects: true,
    json: true,
    run: async ({ options, connect, output }) => {
      let left = options.limit
      const pages = readPages<Page>(connect(), {
        path: '/api/v1/access-log',
        parameters: {
          bucket: options.bucket,
          user: options.user,
          statusMin: options.refused ? '400' : undefined,
          from: options.since,
          to: options.until,
          limit: String(Math.min(left, pageEntriesMax)),
        },
        cursor: ({ nextCursor }) => (nextCursor === null || left === 0 ? undefined : ['cursor', nextCursor]),
      })
      for await (const { entries } of pages) {
        const shown = entries.slice(0, left)
        left -= shown.length
        output.rows(columns, shown)
      }
    },
  }),
]
