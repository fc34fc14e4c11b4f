import { styleText } from 'node:util'
import { optionsOf } from './arguments.ts'
import type { Argument, Command, Option } from './command.ts'

/** Width of the lines; wider ones are hard to read. */
const columns = 96

export function usageOf(command: Command): string {
  const required = Object.entries<Option>(command.options).flatMap(([name, { required, value }]) =>
    required ? [`--${name} ${value}`] : [],
  )
  const argumentsText = command.arguments.map(showArgument)
  return ['cutty', command.name, ...argumentsText, ...required, '[options]'].join(' ')
}

function showArgument({ name, optional, many }: Argument): string {
  const text = `<${name}>${many ? '…' : ''}`
  return optional ? `[${text}]` : text
}

/** All there is, a line for each. */
export function overview(commands: readonly Command[]): string {
  return [
    'cutty stores files and delivers them. This is its command line.',
    '',
    title('Usage'),
    '  cutty <command> [options]',
    '',
    title('Commands'),
    ...summaries(commands),
    '',
    title('Environment'),
    ...environment,
    '',
    'Every command has --help, and all that print a result have --json. More: cutty help <command>',
    '',
  ].join('\n')
}

export function groupHelp(topic: string, commands: readonly Command[]): string {
  return [title('Commands'), ...summaries(commands), '', `More: cutty help ${topic} <command>`, ''].join('\n')
}

export function commandHelp(command: Command): string {
  const options = Object.entries<Option>(optionsOf(command)).map(([name, option]): [string, string] => [
    `--${name}${option.type === 'string' ? ` ${option.value ?? '<text>'}` : ''}`,
    describeOption(option),
  ])
  const parts = [
    `${command.summary}.`,
    ...(command.description ? ['', ...wrap(plain(command.description), columns)] : []),
    '',
    title('Usage'),
    `  ${usageOf(command)}`,
    ...(command.arguments.length > 0 ? ['', title('Arguments')] : []),
    ...definitions(command.arguments.map(({ name, description }) => [`<${name}>`, description])),
    '',
    title('Options'),
    ...definitions(options),
    ...(command.connects ? ['', title('Environment'), ...environment] : []),
    '',
    title('Examples'),
    ...command.examples.map((example) => `  ${example.includes('cutty ') ? example : `cutty ${example}`}`),
    '',
  ]
  return parts.join('\n')
}

/** With what is accepted, and what holds when it is left out. */
export function describeOption({ description, choices, default: absent }: Option): string {
  return [description, choices && `One of ${choices.join(', ')}.`, absent && `Else ${absent}.`]
    .filter(Boolean)
    .join(' ')
}

const environment = definitions([
  ['CUTTY_URL', 'The cutty to talk to. Else http://127.0.0.1:8787.'],
  ['CUTTY_ACCESS_KEY_ID', 'Access key, with'],
  ['CUTTY_SECRET_ACCESS_KEY', 'its secret;'],
  ['CUTTY_TOKEN', 'or an API token in their place.'],
])

function summaries(commands: readonly Command[]): string[] {
  return definitions(commands.map(({ name, summary }) => [name, summary]))
}

function definitions(entries: readonly (readonly [term: string, text: string])[]): string[] {
  const width = Math.min(30, Math.max(0, ...entries.map(([term]) => term.length)))
  return entries.flatMap(([term, text]) => {
    const [first = '', ...more] = wrap(plain(text), columns - width - 4)
    const indent = ' '.repeat(width + 4)
    return term.length > width
      ? [`  ${term}`, ...[first, ...more].map((line) => indent + line)]
      : [`  ${term.padEnd(width)}  ${first}`, ...more.map((line) => indent + line)]
  })
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** Texts are Markdown, for the reference; a terminal needs no backticks. */
function plain(text: string): string {
  return text.replaceAll('`', '')
}

/** Bold on a terminal that wants it (styleText looks at NO_COLOR and at whether it is one). */
function title(text: string): string {
  return styleText('bold', text)
}
