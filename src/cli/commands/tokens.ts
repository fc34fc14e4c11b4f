import { defineCommand, parseDuration } from '../command.ts'
import { type Column, formatTime } from '../output.ts'

interface Token {
  readonly id: string
  readonly label: string
  readonly createdAt: string
  readonly expiresAt: string | null
}

const columns: readonly Column[] = [
  { title: 'ID', text: ({ id }: Token) => id },
  { title: 'CREATED', text: ({ createdAt }: Token) => formatTime(createdAt) },
  { title: 'EXPIRES', text: ({ expiresAt }: Token) => formatTime(expiresAt) },
  { title: 'LABEL', text: ({ label }: Token) => label },
]

export const tokensCommands = [
  defineCommand({
    name: 'tokens list',
    summary: 'List your API tokens, without their text',
    arguments: [],
    options: {},
    examples: ['tokens list'],
    connects: true,
    json: true,
    run: async ({ connect, output }) => {
      const { tokens } = await connect().call<{ tokens: Token[] }>('GET', '/api/v1/tokens')
      output.rows(columns, tokens)
    },
  }),
  defineCommand({
    name: 'tokens create',
    summary: 'Make an API token for yourself and show it, this once',
    arguments: [],
    options: {
      label: { type: 'string', value: '<text>', default: '', description: 'What the token is for.' },
      'expires-in': {
        type: 'string',
        value: '<duration>',
        description: 'When it stops, such as `12h` or `30d`; left out, it lasts until it is revoked.',
        parse: parseDuration,
      },
    },
    examples: ['tokens create --label ci --expires-in 30d'],
    connects: true,
    json: true,
    run: async ({ options, connect, output }) => {
      const token = await connect().call<Token & { token: string }>('POST', '/api/v1/tokens', {
        label: options.label,
        expiresInSeconds: options['expires-in'],
      })
      output.record(token, [
        ['id', token.id],
        ['token', token.token],
        ['expires', formatTime(token.expiresAt)],
      ])
      output.note('Keep the token: it is not shown again.')
    },
  }),
  defineCommand({
    name: 'tokens revoke',
    summary: 'Revoke one of your API tokens, at once',
    arguments: [{ name: 'id', description: 'As `tokens list` shows it.' }],
    options: {},
    examples: ['tokens revoke 01m7ymtt7wk6pg7yw0cfmtz3nc'],
    connects: true,
    json: true,
    run: async ({ positionals, connect, output }) => {
      const [id] = positionals as [string]
      await connect().call('DELETE', `/api/v1/tokens/${encodeURIComponent(id)}`)
      output.done({ revoked: id }, `The token ${id} is revoked.`)
    },
  }),
]
