#!/usr/bin/env node
import { findCommand, parseCommand } from './arguments.ts'
import type { Command } from './command.ts'
import { commands } from './commands/table.ts'
import { type Connection, createConnection } from './connection.ts'
import { CommandError, ReplyError, UsageError } from './failure.ts'
import { commandHelp, overview } from './help-text.ts'
import { createOutput, jsonLine, printable } from './output.ts'

/** Exit codes: 0 done, 1 not done, 2 not understood. */
async function main(args: readonly string[]): Promise<number> {
  // A reader that has seen enough (`| head`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
  })
  // Known before anything is parsed, so that errors of parsing are told in the same way.
  const json = args.includes('--json')
  try {
    await run(args)
    return 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 0
    process.stderr.write(json ? `${jsonLine({ error: describe(error) })}\n` : `cutty: ${explain(error)}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

async function run(args: readonly string[]): Promise<void> {
  if (args.length === 0 || args[0] === '--help' || args[0] === '-h') {
    process.stdout.write(overview(commands))
    return
  }
  const { command, rest } = findCommand(
    commands,
    args[0] === '--version' ? ['version', ...args.slice(1)] : args,
  )
  const { positionals, options, common } = parseCommand(command, rest)
  if (common.help) {
    process.stdout.write(commandHelp(command))
    return
  }
  await runCommand(command, { positionals, options, rest, ...common })
}

async function runCommand(
  command: Command,
  parsed: {
    positionals: readonly string[]
    options: Readonly<Record<string, unknown>>
    rest: readonly string[]
    url: string | undefined
    json: boolean
  },
): Promise<void> {
  const { positionals, options, rest, url, json } = parsed
  const output = createOutput({
    json,
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
  })
  let connection: Connection | undefined
  try {
    const connect = () => (connection ??= createConnection({ url, env: process.env }))
    await command.run({ positionals, options: options as never, output, connect, rest })
  } finally {
    connection?.close()
  }
}

/** For people: what went wrong, and where to look further. */
function explain(error: unknown): string {
  if (error instanceof UsageError) {
    return `${printable(error.message)}\nMore: cutty help${error.topic ? ` ${error.topic}` : ''}`
  }
  if (error instanceof ReplyError && error.code !== undefined) {
    return printable(`${error.message} (${error.code}, request ${error.requestId})`)
  }
  if (error instanceof CommandError || isSystemError(error)) return printable(error.message)
  // A mistake of ours: only the stack helps.
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function describe(error: unknown): object {
  if (error instanceof ReplyError) {
    const { code, status, requestId, message } = error
    return { code, status, requestId, detail: message }
  }
  return { code: error instanceof UsageError ? 'usage' : 'failed', detail: (error as Error).message }
}

/** From the file system: its message names the file and the reason. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

process.exitCode = await main(process.argv.slice(2))
