import { defineCommand, parseByteCount, parseDuration, wholeNumber } from '../command.ts'
import { UsageError } from '../failure.ts'
import { parseFilePlace, parsePlace } from '../file-place.ts'
import { formatTime } from '../output.ts'
import { readOwnId, userPath } from './users.ts'

interface Link {
  readonly id: string
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly expiresAt: string
}

interface Form {
  readonly id: string
  readonly url: string
  readonly fields: Readonly<Record<string, string>>
  readonly expiresAt: string
}

/** As an S3 client writes it, or without the scheme. */
function withoutScheme(text: string): string {
  return text.replace(/^(cutty|s3):\/\//, '')
}

const expires = {
  type: 'string',
  value: '<duration>',
  default: '1h',
  description: 'How long it counts, at most `7d`.',
  parse: parseDuration,
} as const

const key = {
  type: 'string',
  value: '<id>',
  description: 'The access key that signs. Else the one that you use, or with a token your oldest.',
} as const

const maxUses = {
  type: 'string',
  value: '<n>',
  description: 'How often it may be used.',
  parse: wholeNumber(1, 1_000_000),
} as const

const maxBytes = {
  type: 'string',
  value: '<size>',
  description: 'The most that may be written, such as `10MiB`.',
  parse: parseByteCount,
} as const

const sign = defineCommand({
  name: 'presign',
  summary: 'Make a URL with which anybody may read, write or delete a file',
  description: 'Prints the URL. It can do no more than the key that signed it, and stops when that does.',
  arguments: [{ name: 'file', description: '`<bucket>/<key>`; `cutty://` may stand before it.' }],
  options: {
    operation: {
      type: 'string',
      value: '<what>',
      default: 'read',
      choices: ['read', 'write', 'delete'],
      description: 'What it is for.',
    },
    expires,
    'not-before': {
      type: 'string',
      value: '<time>',
      description: 'Counts from then on: `2026-12-24T18:00:00Z`.',
    },
    'max-bytes': maxBytes,
    'content-type': {
      type: 'string',
      value: '<type>',
      description: 'That what is written must be sent with.',
    },
    'max-uses': maxUses,
    'download-name': {
      type: 'string',
      value: '<name>',
      description: 'What is read is saved under this name.',
    },
    'stable-window': {
      type: 'string',
      value: '<duration>',
      description:
        'Within one such window of time, the same request gives the same URL, which caches may keep.',
      parse: parseDuration,
    },
    key,
  },
  examples: [
    'presign photos/cat.jpg --expires 10m',
    'presign photos/new.jpg --operation write --max-bytes 10MiB --content-type image/jpeg --max-uses 1',
  ],
  connects: true,
  json: true,
  run: async ({ positionals, options, connect, output }) => {
    const place = parseFilePlace(withoutScheme(positionals[0] as string))
    const link = await connect().call<Link>('POST', '/api/v1/presigned-urls', {
      ...place,
      operation: options.operation,
      expiresInSeconds: options.expires,
      notBefore: options['not-before'],
      maxBytes: options['max-bytes'],
      contentType: options['content-type'],
      maxUses: options['max-uses'],
      downloadName: options['download-name'],
      stableWindowSeconds: options['stable-window'],
      accessKeyId: options.key,
    })
    output.report(link, [link.url])
    for (const [name, value] of Object.entries(link.headers)) {
      output.note(`Send the header ${name}: ${value} with it.`)
    }
  },
})

const signForm = defineCommand({
  name: 'presign form',
  summary: 'Make the fields of a form with which browsers may upload',
  arguments: [
    {
      name: 'place',
      description: '`<bucket>/<key>`, or `<bucket>/<prefix>/` for files that keep their names below it.',
    },
  ],
  options: {
    expires,
    'max-bytes': maxBytes,
    'content-type': {
      type: 'string',
      value: '<type>',
      description: 'That the form must name; `image/*` for all that begin so.',
    },
    'max-uses': maxUses,
    key,
  },
  examples: ['presign form photos/inbox/ --max-bytes 10MiB --content-type "image/*"'],
  connects: true,
  json: true,
  run: async ({ positionals, options, connect, output }) => {
    const { bucket, key: file } = parsePlace(withoutScheme(positionals[0] as string))
    const form = await connect().call<Form>('POST', '/api/v1/presigned-posts', {
      bucket,
      ...(file === '' || file.endsWith('/') ? { keyPrefix: file } : { key: file }),
      expiresInSeconds: options.expires,
      maxBytes: options['max-bytes'],
      contentType: options['content-type'],
      maxUses: options['max-uses'],
      accessKeyId: options.key,
    })
    output.record(form, [['url', form.url], ...Object.entries(form.fields)])
  },
})

const revoke = defineCommand({
  name: 'presign revoke',
  summary: 'Revoke a signed URL or form, or all that were signed up to now',
  arguments: [{ name: 'id', description: 'Of a URL or form, or the URL itself.', optional: true }],
  options: {
    key: {
      type: 'string',
      value: '<id>',
      description: 'All that this access key has signed; the key goes on.',
    },
    all: { type: 'boolean', description: 'All that any key of the user has signed.' },
    user: {
      type: 'string',
      value: '<user>',
      description: 'Whose; your own when left out. Others are for administrators.',
    },
  },
  examples: ['presign revoke 01m7ymtt7wk6pg7yw0cfmtz3nc', 'presign revoke --key CUTTYJMOFVUXVBQ2ASB5'],
  connects: true,
  json: true,
  run: async ({ positionals, options, connect, output }) => {
    const [text] = positionals
    const id = text === undefined ? undefined : idOf(text)
    const { key, all, user } = options
    if ([id !== undefined, key !== undefined, all].filter(Boolean).length !== 1) {
      throw new UsageError('“presign revoke” needs one of <id>, --key and --all.', 'presign revoke')
    }
    const connection = connect()
    if (id !== undefined) {
      const query = user === undefined ? '' : `?user=${encodeURIComponent(user)}`
      await connection.call('DELETE', `/api/v1/presigned-urls/${encodeURIComponent(id)}${query}`)
      return output.done({ revoked: id }, `What has the id ${id} is revoked.`)
    }
    const path = userPath(user ?? (await readOwnId(connection)))
    const of = key === undefined ? path : `${path}/access-keys/${encodeURIComponent(key)}`
    const revoked = await connection.call<{ linksRevokedBefore: string }>('POST', `${of}/revoke-links`)
    output.done(revoked, `What was signed before ${formatTime(revoked.linksRevokedBefore)} is revoked.`)
  },
})

/** A URL says its id. */
function idOf(text: string): string {
  const url = /^https?:/.test(text) ? URL.parse(text) : null
  if (!url) return text
  const id = url.searchParams.get('X-Cutty-Id')
  if (id !== null) return id
  throw new UsageError('The URL has no id: revoke all that its key has signed, with --key.', 'presign revoke')
}

export const presignCommands = [sign, signForm, revoke]
