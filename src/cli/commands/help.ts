import { UsageError } from '../failure.ts'
import { type Command, defineCommand } from '../command.ts'
import { unknownCommand } from '../arguments.ts'
import { commandHelp, groupHelp, overview } from '../help-text.ts'

/** The help knows the table that it is in. */
export function helpCommands(table: () => readonly Command[]): readonly Command[] {
  return [
    defineCommand({
      name: 'help',
      summary: 'Show what there is, or how a command is used',
      arguments: [
        { name: 'command', optional: true, many: true, description: 'Such as `users`, or `users create`.' },
      ],
      options: {},
      examples: ['help', 'help files put'],
      connects: false,
      json: true,
      run: async ({ positionals, output }) => {
        const topic = positionals.join(' ')
        const commands = table().filter(
          ({ name }) => topic === '' || name === topic || name.startsWith(`${topic} `),
        )
        const [only] = commands
        if (!only) throw unknownTopic(table(), positionals)
        if (output.json) return describeAll(commands, (value) => output.done(value, ''))
        process.stdout.write(
          topic === ''
            ? overview(commands)
            : commands.length > 1
              ? groupHelp(topic, commands)
              : commandHelp(only),
        )
      },
    }),
  ]
}

function unknownTopic(commands: readonly Command[], words: readonly string[]): UsageError {
  const [first = '', second = ''] = words
  return unknownCommand(commands, first, second)
}

function describeAll(commands: readonly Command[], print: (value: object) => void): void {
  for (const { name, summary, description, arguments: positionals, options, examples } of commands) {
    print({ name, summary, description, arguments: positionals, options, examples })
  }
}
