import { z } from 'zod'
import {
  changeBucket,
  createBucket,
  deleteBucket,
  readBucket,
  readBuckets,
} from '../../core/files/buckets.ts'
import { jsonReply, noContent } from '../json.ts'
import { defineRoute } from '../route.ts'
import { bucketShape, compressionPolicy, describeBucket, pageLimit, visibility } from './schemas.ts'

const tag = 'Buckets'

export const bucketRoutes = [
  defineRoute({
    method: 'POST',
    path: '/api/v1/buckets',
    tag,
    summary: 'Create a bucket',
    description: 'Names follow the rules of S3 and are unique over all users.',
    body: z.strictObject({
      name: z.string(),
      visibility: visibility.default('private'),
      compression: compressionPolicy.optional(),
    }),
    responses: { 201: { description: 'Created', schema: bucketShape } },
    handle: async ({ core, caller, body }) => {
      const bucket = await createBucket(core, caller, body)
      return jsonReply(201, describeBucket(bucket), { Location: `/api/v1/buckets/${bucket.name}` })
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/buckets',
    tag,
    summary: 'List buckets',
    description: 'Your own, by name; an administrator sees those of all users.',
    query: z.strictObject({
      after: z.string().optional().meta({ description: 'Begin after this name.' }),
      limit: pageLimit,
    }),
    responses: {
      200: {
        description: 'A page of buckets',
        schema: z.object({ buckets: z.array(bucketShape), next: z.string().nullable() }),
      },
    },
    handle: async ({ core, caller, query }) => {
      const { buckets, next } = await readBuckets(core, caller, query)
      return jsonReply(200, { buckets: buckets.map(describeBucket), next: next ?? null })
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/buckets/{bucket}',
    tag,
    summary: 'Get a bucket',
    responses: { 200: { description: 'The bucket', schema: bucketShape } },
    handle: async ({ core, caller, params }) =>
      jsonReply(200, describeBucket(await readBucket(core, caller, params['bucket'] as string))),
  }),
  defineRoute({
    method: 'PATCH',
    path: '/api/v1/buckets/{bucket}',
    tag,
    summary: 'Change a bucket’s visibility or compression',
    description:
      'What is left out stays. `compression` replaces the whole policy, null goes back to the default; files that are ' +
      'there stay as they are stored until they are recompressed.',
    body: z.strictObject({
      visibility: visibility.optional(),
      compression: compressionPolicy.nullable().optional(),
    }),
    responses: { 200: { description: 'The bucket', schema: bucketShape } },
    handle: async ({ core, caller, params, body }) => {
      const request = { name: params['bucket'] as string, ...body }
      return jsonReply(200, describeBucket(await changeBucket(core, caller, request)))
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/api/v1/buckets/{bucket}',
    tag,
    summary: 'Delete an empty bucket',
    responses: { 204: { description: 'Deleted' } },
    handle: async ({ core, caller, params }) => {
      await deleteBucket(core, caller, params['bucket'] as string)
      return noContent()
    },
  }),
]
