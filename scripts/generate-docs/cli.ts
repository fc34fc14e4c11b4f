import { optionsOf } from '../../src/cli/arguments.ts'
import type { Command, Option } from '../../src/cli/command.ts'
import { commands } from '../../src/cli/commands/table.ts'
import { describeOption, usageOf } from '../../src/cli/help-text.ts'
import { sentence } from './markdown.ts'

export async function cliReference(): Promise<string> {
  return [
    '# Commands',
    '`npm run cutty -- <command>` in a checkout; `cutty <command>` where it is installed. `cutty help` shows the same ' +
      'as this page.',
    '## Environment',
    [
      '- `CUTTY_URL`: the cutty to talk to; `--url` goes before it. Default: `http://127.0.0.1:8787`.',
      '- `CUTTY_ACCESS_KEY_ID` and `CUTTY_SECRET_ACCESS_KEY`: an access key. Or:',
      '- `CUTTY_TOKEN`: an API token.',
    ].join('\n'),
    'Secrets are read from the environment only: every user of a machine can see its command lines.',
    '## Results',
    'Results go to standard output, as tables for people or with `--json` as one JSON object on a line; everything ' +
      'else goes to standard error. The exit code is 0 when it was done, 1 when it was not, and 2 when the command ' +
      'was not understood. An error of the server is shown with its [code](errors.md) and the request id.',
    ...commands.map(section),
  ].join('\n\n')
}

function section(command: Command): string {
  const definitions = [
    ...command.arguments.map(({ name, description }) => `- \`<${name}>\`: ${description}`),
    ...Object.entries<Option>(optionsOf(command)).map(
      ([name, option]) =>
        `- \`--${name}${option.type === 'string' ? ` ${option.value ?? '<text>'}` : ''}\`: ${describeOption(option)}`,
    ),
  ]
  const examples = command.examples.map((example) =>
    example.includes('cutty ') ? example : `cutty ${example}`,
  )
  return [
    `## ${command.name}`,
    sentence(command.summary) + (command.description ? ` ${command.description}` : ''),
    `\`\`\`\n${usageOf(command)}\n\`\`\``,
    definitions.join('\n'),
    `\`\`\`sh\n${examples.join('\n')}\n\`\`\``,
  ].join('\n\n')
}
