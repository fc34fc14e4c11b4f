import type { Connection } from './connection.ts'
import type { Output } from './output.ts'

/**
 * A command as data: one declaration parses its arguments, prints its help, and makes its section of
 * `docs/reference/cli.md`. To add one, write it in a file of `commands/` and list it in `commands/table.ts`.
 */
export interface Command<Options extends OptionTable = OptionTable> {
  /** One word, or two: `users create`. */
  readonly name: string
  /** A line without a full stop. */
  readonly summary: string
  readonly description?: string
  readonly arguments: readonly Argument[]
  readonly options: Options
  /** Without the leading `cutty `. */
  readonly examples: readonly string[]
  /** False for commands that talk to no server, which have neither `--url` nor credentials. */
  readonly connects: boolean
  /** False where standard output is JSON lines already. */
  readonly json: boolean
  readonly run: (call: CommandCall<Options>) => Promise<void>
}

export interface Argument {
  readonly name: string
  readonly description: string
  readonly optional?: boolean
  /** All that are left; at the end only. */
  readonly many?: boolean
}

export interface Option {
  /** A boolean is given by its name alone. */
  readonly type: 'string' | 'boolean'
  readonly description: string
  /** What stands for the value in the help: `<id>`. */
  readonly value?: string
  readonly required?: boolean
  /** As the user would write it. */
  readonly default?: string
  /** The words that are accepted. */
  readonly choices?: readonly string[]
  /** Throws an Error that says what is accepted: `must be …`. */
  readonly parse?: (text: string) => unknown
}

export type OptionTable = Readonly<Record<string, Option>>

type OptionValue<O extends Option> = O extends { type: 'boolean' }
  ? boolean
  : ParsedText<O> | (O extends { required: true } | { default: string } ? never : undefined)

type ParsedText<O extends Option> = O extends { choices: readonly (infer Word)[] }
  ? Word
  : O extends { parse: (text: string) => infer T }
    ? T
    : string

export interface CommandCall<Options extends OptionTable = OptionTable> {
  /** In the order of `arguments`; as many as were given. */
  readonly positionals: readonly string[]
  readonly options: { readonly [name in keyof Options]: OptionValue<Options[name]> }
  readonly output: Output
  /** The server of `--url`, with the credentials of the environment. Throws `UsageError` when they are not usable. */
  readonly connect: () => Connection
  /** What followed the command's name, as it was written. */
  readonly rest: readonly string[]
}

/** Keeps the types of the options for `run`, and forgets them for the table. */
export function defineCommand<const Options extends OptionTable>(command: Command<Options>): Command {
  return command as unknown as Command
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new Error(`must be a whole number from ${min} to ${max}`)
    }
    return value
  }
}

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const

/** `90s`, `15m`, `12h`, `30d`, `2w`; a bare number is seconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,12})([smhdw]?)$/.exec(text)
  const seconds = match && Number(match[1]) * unitSeconds[(match[2] || 's') as keyof typeof unitSeconds]
  if (!seconds) throw new Error('must be a duration, such as 90s, 15m, 12h, 30d or 2w')
  return seconds
}

const unitBytes = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 1024, MIB: 1024 ** 2, GIB: 1024 ** 3 } as const

/** `20MiB`, `500KB`; a bare number is bytes. */
export function parseByteCount(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?) ?(B|[KMG]i?B)?$/i.exec(text)
  const unit = (match?.[2] ?? 'B').toUpperCase() as keyof typeof unitBytes
  const bytes = match && Math.round(Number(match[1]) * unitBytes[unit])
  if (!bytes) throw new Error('must be a number of bytes, such as 500KB or 20MiB')
  return bytes
}

/** Not below zero: `0.015`. */
export function parseUsd(text: string): number {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text)) throw new Error('must be an amount of US dollars, such as 0.015')
  return Number(text)
}

/** How files are compressed, as a policy of the API: `off`, `auto`, `zstd`, `zstd;level=9`. */
export function parseCoding(text: string): { mode: string; level?: number } {
  const [, mode, level] = /^([a-z0-9]+)(?:; ?level=(\d{1,2}))?$/.exec(text) ?? []
  if (!mode) throw new Error('must be auto, off, or a codec such as zstd or zstd;level=9')
  return { mode, ...(level !== undefined && { level: Number(level) }) }
}
