import { defineCommand, type Option, parseCoding } from '../command.ts'
import { UsageError } from '../failure.ts'
import { bucketPath } from '../file-place.ts'
import { type Column, formatTime } from '../output.ts'
import { readPages } from '../pages.ts'

interface Bucket {
  readonly name: string
  readonly visibility: string
  readonly ownerId: string
  readonly createdAt: string
}

const columns: readonly Column[] = [
  { title: 'VISIBILITY', text: ({ visibility }: Bucket) => visibility },
  { title: 'OWNER', text: ({ ownerId }: Bucket) => ownerId },
  { title: 'CREATED', text: ({ createdAt }: Bucket) => formatTime(createdAt) },
  { title: 'NAME', text: ({ name }: Bucket) => name },
]

const compressionOptions = {
  compression: {
    type: 'string',
    value: '<coding>',
    description:
      'How its files are stored: `auto`, `off`, or a codec, as `zstd` or `zstd;level=9`. Files that are there stay as they are.',
    parse: parseCoding,
  },
  'no-compression-for': {
    type: 'string',
    value: '<types>',
    description: 'Media types that are never compressed, as `image/tiff,model/*`.',
    parse: (text: string) => text.split(',').map((type) => type.trim()),
  },
} as const satisfies Record<string, Option>

/** The whole policy, as the API takes it; `undefined` when nothing was said of it. */
function policyOf(options: {
  compression: { mode: string; level?: number } | undefined
  'no-compression-for': string[] | undefined
}): object | undefined {
  const { compression, 'no-compression-for': denyTypes } = options
  return compression || denyTypes ? { ...compression, ...(denyTypes && { denyTypes }) } : undefined
}

export const bucketsCommands = [
  defineCommand({
    name: 'buckets list',
    summary: 'List your buckets; an administrator sees those of all users',
    arguments: [],
    options: {},
    examples: ['buckets list', 'buckets list --json'],
    connects: true,
    json: true,
    run: async ({ connect, output }) => {
      const pages = readPages<{ buckets: Bucket[]; next: string | null }>(connect(), {
        path: '/api/v1/buckets',
        parameters: {},
        cursor: ({ next }) => (next === null ? undefined : ['after', next]),
      })
      for await (const { buckets } of pages) output.rows(columns, buckets)
    },
  }),
  defineCommand({
    name: 'buckets create',
    summary: 'Create a bucket',
    arguments: [{ name: 'name', description: 'By the rules of S3; unique over all users.' }],
    options: {
      public: { type: 'boolean', description: 'Everybody may read its files, and nothing else.' },
      ...compressionOptions,
    },
    examples: [
      'buckets create photos',
      'buckets create website --public',
      "buckets create logs --compression 'zstd;level=9'",
    ],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const bucket = await connect().call<Bucket>('POST', '/api/v1/buckets', {
        name: positionals[0],
        visibility: options.public ? 'public' : 'private',
        compression: policyOf(options),
      })
      output.done(bucket, `Created the ${bucket.visibility} bucket ${bucket.name}.`)
    },
  }),
  defineCommand({
    name: 'buckets change',
    summary: 'Change who may read a bucket, or how its files are compressed',
    description:
      'What is left out stays; what is said of compression replaces all of its policy. `compress` brings files that are ' +
      'there to the new policy.',
    arguments: [{ name: 'name', description: 'As `buckets list` shows it.' }],
    options: {
      visibility: {
        type: 'string',
        value: '<who>',
        description: 'Of a public one everybody may read the files.',
        choices: ['private', 'public'],
      },
      ...compressionOptions,
      'default-compression': { type: 'boolean', description: 'Back to the policy of the server.' },
    },
    examples: [
      'buckets change photos --compression off',
      'buckets change models --compression zstd --no-compression-for model/stl',
      'buckets change website --visibility public',
    ],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const [name] = positionals as [string]
      const { visibility, 'default-compression': isDefault } = options
      const policy = policyOf(options)
      if (policy && isDefault) {
        throw new UsageError('--default-compression stands alone.', 'buckets change')
      }
      const compression = isDefault ? null : policy
      if (visibility === undefined && compression === undefined) {
        throw new UsageError('What is to change? Give an option.', 'buckets change')
      }
      const bucket = await connect().call<Bucket>('PATCH', bucketPath(name), { visibility, compression })
      output.done(bucket, `Changed the bucket ${bucket.name}.`)
    },
  }),
  defineCommand({
    name: 'buckets delete',
    summary: 'Delete an empty bucket',
    arguments: [{ name: 'name', description: 'As `buckets list` shows it.' }],
    options: {},
    examples: ['buckets delete photos'],
    connects: true,
    json: true,
    run: async ({ positionals, connect, output }) => {
      const [name] = positionals as [string]
      await connect().call('DELETE', bucketPath(name))
      output.done({ deleted: name }, `Deleted the bucket ${name}.`)
    },
  }),
]
