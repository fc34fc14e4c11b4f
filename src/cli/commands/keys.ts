import { defineCommand } from '../command.ts'
import type { Connection } from '../connection.ts'
import { type Column, formatTime } from '../output.ts'
import { readOwnId, userPath } from './users.ts'

interface AccessKey {
  readonly accessKeyId: string
  readonly label: string
  readonly createdAt: string
}

const columns: readonly Column[] = [
  { title: 'ACCESS KEY ID', text: ({ accessKeyId }: AccessKey) => accessKeyId },
  { title: 'CREATED', text: ({ createdAt }: AccessKey) => formatTime(createdAt) },
  { title: 'LABEL', text: ({ label }: AccessKey) => label },
]

const userOption = {
  type: 'string',
  value: '<user>',
  description: 'Id of the user; your own when left out. Others are for administrators.',
} as const

async function keysPath(connection: Connection, user: string | undefined): Promise<string> {
  return `${userPath(user ?? (await readOwnId(connection)))}/access-keys`
}

export const keysCommands = [
  defineCommand({
    name: 'keys list',
    summary: 'List the access keys of a user, without their secrets',
    arguments: [],
    options: { user: userOption },
    examples: ['keys list', 'keys list --user 01m7ymtt7wk6pg7yw0cfmtz3nc'],
    connects: true,
    json: true,
    run: async ({ options, connect, output }) => {
      const connection = connect()
      const path = await keysPath(connection, options.user)
      const { accessKeys } = await connection.call<{ accessKeys: AccessKey[] }>('GET', path)
      output.rows(columns, accessKeys)
    },
  }),
  defineCommand({
    name: 'keys create',
    summary: 'Make an access key and show its secret, this once',
    arguments: [],
    options: {
      user: userOption,
      label: { type: 'string', value: '<text>', default: '', description: 'What the key is for.' },
    },
    examples: ['keys create --user 01m7ymtt7wk6pg7yw0cfmtz3nc --label laptop'],
    connects: true,
    json: true,
    run: async ({ options, connect, output }) => {
      const connection = connect()
      const path = await keysPath(connection, options.user)
      const { label } = options
      const key = await connection.call<AccessKey & { secretAccessKey: string }>('POST', path, { label })
      output.record(key, [
        ['access key id', key.accessKeyId],
        ['secret access key', key.secretAccessKey],
      ])
      output.note('Keep the secret: it is not shown again.')
    },
  }),
  defineCommand({
    name: 'keys revoke',
    summary: 'Revoke an access key, at once',
    arguments: [{ name: 'access-key-id', description: 'As `keys list` shows it.' }],
    options: { user: userOption },
    examples: ['keys revoke CUTTYJMOFVUXVBQ2ASB5'],
    connects: true,
    json: true,
    run: async ({ positionals, options, connect, output }) => {
      const [accessKeyId] = positionals as [string]
      const connection = connect()
      const path = await keysPath(connection, options.user)
      await connection.call('DELETE', `${path}/${encodeURIComponent(accessKeyId)}`)
      output.done({ revoked: accessKeyId }, `The access key ${accessKeyId} is revoked.`)
    },
  }),
]
