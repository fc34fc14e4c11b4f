import { defineCommand } from '../command.ts'
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
    },
    examples: ['buckets create photos', 'buckets create website --public'],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const bucket = await connect().call<Bucket>('POST', '/api/v1/buckets', {
        name: positionals[0],
        visibility: options.public ? 'public' : 'private',
      })
      output.done(bucket, `Created the ${bucket.visibility} bucket ${bucket.name}.`)
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
