import { type CommandCall, defineCommand } from '../command.ts'
import type { Connection } from '../connection.ts'
import { type Column, formatTime } from '../output.ts'
import { readPages } from '../pages.ts'

interface User {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly role: string
  readonly disabled: boolean
  readonly createdAt: string
}

const columns: readonly Column[] = [
  { title: 'ID', text: ({ id }: User) => id },
  { title: 'ROLE', text: ({ role }: User) => role },
  { title: 'STATE', text: ({ disabled }: User) => (disabled ? 'disabled' : 'active') },
  { title: 'CREATED', text: ({ createdAt }: User) => formatTime(createdAt) },
  { title: 'NAME', text: ({ name, email }: User) => `${name} <${email}>` },
]

const userArgument = { name: 'user', description: 'Id of the user, as `users list` shows it.' }

export async function readOwnId(connection: Connection): Promise<string> {
  return (await connection.call<User>('GET', '/api/v1/me')).id
}

export function userPath(user: string): string {
  return `/api/v1/users/${encodeURIComponent(user)}`
}

function setDisabled(disabled: boolean) {
  return async ({ positionals, connect, output }: CommandCall) => {
    const path = userPath(positionals[0] as string)
    const user = await connect().call<User>('PATCH', path, { disabled })
    output.done(user, `${user.name} <${user.email}> is ${disabled ? 'disabled' : 'active'}.`)
  }
}

export const usersCommands = [
  defineCommand({
    name: 'users list',
    summary: 'List users',
    description: 'For administrators.',
    arguments: [],
    options: {},
    examples: ['users list', 'users list --json'],
    connects: true,
    json: true,
    run: async ({ connect, output }) => {
      const pages = readPages<{ users: User[]; next: string | null }>(connect(), {
        path: '/api/v1/users',
        parameters: {},
        cursor: ({ next }) => (next === null ? undefined : ['after', next]),
      })
      for await (const { users } of pages) output.rows(columns, users)
    },
  }),
  defineCommand({
    name: 'users create',
    summary: 'Create a user',
    description: 'For administrators. The user can do nothing until `keys create --user` has made a key.',
    arguments: [],
    options: {
      name: { type: 'string', value: '<name>', required: true, description: 'What the user is called.' },
      email: { type: 'string', value: '<address>', required: true, description: 'Unique over all users.' },
      role: {
        type: 'string',
        value: '<role>',
        default: 'user',
        description: 'Administrators may do anything with everybody’s files.',
        choices: ['user', 'admin'],
      },
    },
    examples: ['users create --name "Ada Lovelace" --email ada@example.org'],
    connects: true,
    json: true,
    run: async ({ options, connect, output }) => {
      const { name, email, role } = options
      const user = await connect().call<User>('POST', '/api/v1/users', { name, email, role })
      output.record(user, [
        ['id', user.id],
        ['name', user.name],
        ['email', user.email],
        ['role', user.role],
      ])
      output.note(`To give them a key: cutty keys create --user ${user.id}`)
    },
  }),
  defineCommand({
    name: 'users disable',
    summary: 'Disable a user, whose keys and tokens stop at once',
    description: 'For administrators. Nothing is deleted. The last administrator cannot be disabled.',
    arguments: [userArgument],
    options: {},
    examples: ['users disable 01m7ymtt7wk6pg7yw0cfmtz3nc'],
    connects: true,
    json: true,
    run: setDisabled(true),
  }),
  defineCommand({
    name: 'users enable',
    summary: 'Enable a disabled user again',
    description: 'For administrators.',
    arguments: [userArgument],
    options: {},
    examples: ['users enable 01m7ymtt7wk6pg7yw0cfmtz3nc'],
    connects: true,
    json: true,
    run: setDisabled(false),
  }),
]
