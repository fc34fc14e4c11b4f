import { parseArgs } from 'node:util'
import { type Command, type Option, type OptionTable } from './command.ts'
import { UsageError } from './failure.ts'
import { nearest } from './nearest.ts'

/** Options that many commands share. */
export const commonOptions = {
  url: {
    type: 'string',
    value: '<url>',
    description: 'The cutty to talk to. Else `CUTTY_URL`, else http://127.0.0.1:8787.',
  },
  json: { type: 'boolean', description: 'Print JSON, one object on a line.' },
  help: { type: 'boolean', description: 'Show the help of the command.' },
} as const satisfies OptionTable

export type CommonOption = keyof typeof commonOptions

/** Every option of a command, the shared ones included. */
export function optionsOf(command: Command): OptionTable {
  return {
    ...command.options,
    ...(command.connects && { url: commonOptions.url }),
    ...(command.json && { json: commonOptions.json }),
    help: commonOptions.help,
  }
}

/**
 * Finds the command that the arguments begin with. Shared options may stand before it. Throws `UsageError` with the
 * nearest command when there is none.
 */
export function findCommand(
  commands: readonly Command[],
  args: readonly string[],
): { command: Command; rest: readonly string[] } {
  const { leading, from } = skipLeadingOptions(args)
  const [first = '', second = ''] = args.slice(from)
  const both = commands.find(({ name }) => name === `${first} ${second}`)
  if (both) return { command: both, rest: [...leading, ...args.slice(from + 2)] }
  const single = commands.find(({ name }) => name === first)
  if (single) return { command: single, rest: [...leading, ...args.slice(from + 1)] }
  throw unknownCommand(commands, first, second)
}

function skipLeadingOptions(args: readonly string[]): { leading: readonly string[]; from: number } {
  let from = 0
  while (args[from]?.startsWith('-')) from += args[from] === '--url' ? 2 : 1
  return { leading: args.slice(0, from), from }
}

export function unknownCommand(commands: readonly Command[], first: string, second: string): UsageError {
  if (first === '') return new UsageError('Which command?')
  const group = commands.filter(({ name }) => name.startsWith(`${first} `))
  const actions = group.map(({ name }) => name.slice(first.length + 1))
  if (actions.length > 0 && (second === '' || second.startsWith('-'))) {
    return new UsageError(`“${first}” needs one of: ${actions.join(', ')}.`, first)
  }
  if (actions.length > 0) {
    const meant = nearest(second, actions)
    return new UsageError(
      `There is no command “${first} ${second}”. ${meant ? `Did you mean “${first} ${meant}”?` : `There are: ${actions.join(', ')}.`}`,
      first,
    )
  }
  const words = new Set(commands.map(({ name }) => name.split(' ')[0] as string))
  const meant = nearest(first, words)
  return new UsageError(
    `There is no command “${first}”. ${meant ? `Did you mean “${meant}”?` : `There are: ${[...words].join(', ')}.`}`,
  )
}

export interface ParsedArguments {
  readonly positionals: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
  readonly common: { readonly url: string | undefined; readonly json: boolean; readonly help: boolean }
}

/** Parses what follows a command's name. Throws `UsageError` that says what is wrong with it. */
export function parseCommand(command: Command, rest: readonly string[]): ParsedArguments {
  const table = optionsOf(command)
  const { values, positionals } = parseStrictly(command, table, rest)
  const common = {
    url: values['url'] as string | undefined,
    json: values['json'] === true,
    help: values['help'] === true,
  }
  // Who asks for help need not know yet what is required.
  if (common.help) return { positionals, options: {}, common }
  checkPositionals(command, positionals)
  const options: Record<string, unknown> = {}
  for (const [name, option] of Object.entries<Option>(command.options)) {
    options[name] = readOption(command, { name, option, given: values[name] })
  }
  return { positionals, options, common }
}

function parseStrictly(command: Command, table: OptionTable, rest: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries<Option>(table).map(([name, { type }]) => [
      name,
      name === 'help' ? { type, short: 'h' } : { type },
    ]),
  )
  try {
    return parseArgs({ args: [...rest], options, strict: true, allowPositionals: true })
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    const unknown = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && /'(-[^']*)'/.exec(message)?.[1]
    if (!unknown) throw new UsageError(message.split('\n')[0] as string, command.name)
    const meant = nearest(unknown.replace(/^-+/, ''), Object.keys(table))
    const hint = meant ? ` Did you mean --${meant}?` : ''
    throw new UsageError(`“${command.name}” has no option ${unknown}.${hint}`, command.name)
  }
}

function checkPositionals(command: Command, given: readonly string[]): void {
  const missing = command.arguments.find(({ optional }, index) => !optional && given[index] === undefined)
  if (missing) throw new UsageError(`“${command.name}” needs <${missing.name}>.`, command.name)
  const excess = given[command.arguments.length]
  if (excess !== undefined && !command.arguments.at(-1)?.many) {
    throw new UsageError(`“${command.name}” does not take “${excess}”.`, command.name)
  }
}

function readOption(command: Command, of: { name: string; option: Option; given: unknown }): unknown {
  const { name, option, given } = of
  if (option.type === 'boolean') return given === true
  const text = (given as string | undefined) ?? option.default
  if (text === undefined) {
    if (option.required)
      throw new UsageError(`“${command.name}” needs --${name} ${option.value ?? ''}.`, command.name)
    return undefined
  }
  try {
    if (option.choices && !option.choices.includes(text)) {
      throw new Error(`must be ${option.choices.join(' or ')}`)
    }
    return option.parse ? option.parse(text) : text
  } catch (error) {
    throw new UsageError(`--${name} ${(error as Error).message}, not “${text}”.`, command.name)
  }
}
