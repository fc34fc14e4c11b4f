import { z } from 'zod'
import { requireUser } from '../../core/accounts/caller.ts'
import {
  createAccessKey,
  createToken,
  readAccessKeys,
  readTokens,
  revokeAccessKey,
  revokeToken,
} from '../../core/accounts/credentials.ts'
import { createUser, readUser, readUsers, updateUser } from '../../core/accounts/users.ts'
import { limits } from '../../core/limits.ts'
import type { TokenRow, UserRow } from '../../core/statements/accounts.ts'
import { jsonReply, noContent } from '../json.ts'
import { defineRoute } from '../route.ts'
import { isoTime, pageLimit } from './schemas.ts'

const name = z.string().trim().min(1).max(limits.nameCharsMax)
const role = z.enum(['admin', 'user'])

const userShape = z
  .object({
    id: z.string(),
    name: z.string(),
    email: z.string(),
    role,
    disabled: z.boolean(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'User' })

const accessKeyShape = z
  .object({ accessKeyId: z.string(), label: z.string(), createdAt: z.iso.datetime() })
  .meta({ id: 'AccessKey' })

const newAccessKeyShape = accessKeyShape
  .extend({ secretAccessKey: z.string().meta({ description: 'Shown here and never again.' }) })
  .meta({ id: 'NewAccessKey' })

const tokenShape = z
  .object({
    id: z.string(),
    label: z.string(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Token' })

const newTokenShape = tokenShape
  .extend({ token: z.string().meta({ description: 'Shown here and never again.' }) })
  .meta({ id: 'NewToken' })

function showUser({ id, name, email, role, disabledAtMs, createdAtMs }: UserRow): z.infer<typeof userShape> {
  return { id, name, email, role, disabled: disabledAtMs !== null, createdAt: isoTime(createdAtMs) }
}

function showToken({ id, label, createdAtMs, expiresAtMs }: TokenRow): z.infer<typeof tokenShape> {
  const expiresAt = expiresAtMs === null ? null : isoTime(expiresAtMs)
  return { id, label, createdAt: isoTime(createdAtMs), expiresAt }
}

const userRoutes = [
  defineRoute({
    method: 'POST',
    path: '/api/v1/users',
    tag: 'Users',
    summary: 'Create a user',
    description: 'For administrators.',
    body: z.strictObject({ name, email: z.email().max(limits.emailCharsMax), role: role.default('user') }),
    responses: { 201: { description: 'Created', schema: userShape } },
    handle: async ({ core, caller, body }) => {
      const user = await createUser(core, caller, body)
      return jsonReply(201, showUser(user), { Location: `/api/v1/users/${user.id}` })
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/users',
    tag: 'Users',
    summary: 'List users',
    description: 'For administrators.',
    query: z.strictObject({
      after: z.string().optional().meta({ description: 'Begin after this id.' }),
      limit: pageLimit,
    }),
    responses: {
      200: {
        description: 'A page of users',
        schema: z.object({ users: z.array(userShape), next: z.string().nullable() }),
      },
    },
    handle: async ({ core, caller, query }) => {
      const { users, next } = await readUsers(core, caller, query)
      return jsonReply(200, { users: users.map(showUser), next: next ?? null })
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/me',
    tag: 'Users',
    summary: 'Who am I?',
    responses: { 200: { description: 'The user whose key or token this is', schema: userShape } },
    handle: async ({ core, caller }) =>
      jsonReply(200, showUser(await readUser(core, caller, requireUser(caller)))),
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/users/{user}',
    tag: 'Users',
    summary: 'Get a user',
    responses: { 200: { description: 'The user', schema: userShape } },
    handle: async ({ core, caller, params }) =>
      jsonReply(200, showUser(await readUser(core, caller, params['user'] as string))),
  }),
  defineRoute({
    method: 'PATCH',
    path: '/api/v1/users/{user}',
    tag: 'Users',
    summary: 'Change a user',
    description: 'For administrators. A disabled user’s keys and tokens stop at once.',
    body: z.strictObject({ name, role, disabled: z.boolean() }).partial(),
    responses: { 200: { description: 'The user', schema: userShape } },
    handle: async ({ core, caller, params, body }) =>
      jsonReply(200, showUser(await updateUser(core, caller, { id: params['user'] as string, ...body }))),
  }),
]

const credentialRoutes = [
  defineRoute({
    method: 'POST',
    path: '/api/v1/users/{user}/access-keys',
    tag: 'Credentials',
    summary: 'Make an access key',
    description: 'For yourself, or as an administrator for anybody. The secret is shown once.',
    body: z.strictObject({ label: z.string().max(limits.nameCharsMax).default('') }).prefault({}),
    responses: { 201: { description: 'The key with its secret', schema: newAccessKeyShape } },
    handle: async ({ core, caller, params, body }) => {
      const key = await createAccessKey(core, caller, { userId: params['user'] as string, label: body.label })
      const { accessKeyId, secretAccessKey, label, createdAtMs } = key
      return jsonReply(201, { accessKeyId, secretAccessKey, label, createdAt: isoTime(createdAtMs) })
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/users/{user}/access-keys',
    tag: 'Credentials',
    summary: 'List a user’s access keys',
    responses: {
      200: {
        description: 'Keys without their secrets',
        schema: z.object({ accessKeys: z.array(accessKeyShape) }),
      },
    },
    handle: async ({ core, caller, params }) => {
      const keys = await readAccessKeys(core, caller, params['user'] as string)
      const accessKeys = keys.map(({ id, label, createdAtMs }) => ({
        accessKeyId: id,
        label,
        createdAt: isoTime(createdAtMs),
      }))
      return jsonReply(200, { accessKeys })
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/api/v1/users/{user}/access-keys/{accessKey}',
    tag: 'Credentials',
    summary: 'Revoke an access key',
    responses: { 204: { description: 'Revoked, at once' } },
    handle: async ({ core, caller, params }) => {
      const { user: userId, accessKey: accessKeyId } = params as { user: string; accessKey: string }
      await revokeAccessKey(core, caller, { userId, accessKeyId })
      return noContent()
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/api/v1/tokens',
    tag: 'Credentials',
    summary: 'Make an API token for yourself',
    description: 'To be sent as `Authorization: Bearer`. Shown once; only its hash is kept.',
    body: z
      .strictObject({
        label: z.string().max(limits.nameCharsMax).default(''),
        expiresInSeconds: z.int().min(1).max(limits.tokenSecondsMax).optional(),
      })
      .prefault({}),
    responses: { 201: { description: 'The token', schema: newTokenShape } },
    handle: async ({ core, caller, body }) => {
      const { token, ...row } = await createToken(core, caller, body)
      return jsonReply(201, { ...showToken(row), token })
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/api/v1/tokens',
    tag: 'Credentials',
    summary: 'List your API tokens',
    responses: {
      200: { description: 'Tokens without their text', schema: z.object({ tokens: z.array(tokenShape) }) },
    },
    handle: async ({ core, caller }) =>
      jsonReply(200, { tokens: (await readTokens(core, caller)).map(showToken) }),
  }),
  defineRoute({
    method: 'DELETE',
    path: '/api/v1/tokens/{token}',
    tag: 'Credentials',
    summary: 'Revoke an API token',
    responses: { 204: { description: 'Revoked, at once' } },
    handle: async ({ core, caller, params }) => {
      await revokeToken(core, caller, params['token'] as string)
      return noContent()
    },
  }),
]

export const accountRoutes = [...userRoutes, ...credentialRoutes]
