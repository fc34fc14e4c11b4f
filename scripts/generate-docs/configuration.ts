import { type Setting, settings } from '../../src/entry/config.ts'
import { sentence } from './markdown.ts'

export async function configurationReference(): Promise<string> {
  const sections = Object.values<Setting<unknown>>(settings).map((setting) => {
    const absent =
      setting.default === undefined
        ? `Left out: ${sentence(setting.whenAbsent ?? 'nothing')}`
        : `Default: \`${setting.default}\`.`
    const secret = setting.secret
      ? ' A secret: put it into the environment, since command lines can be seen by every user of the machine.'
      : ''
    return `## \`${setting.env}\`\n\nAs a flag: \`--${setting.flag}\`. ${absent}\n\n${sentence(setting.description)}${secret}`
  })
  return [
    '# Configuration of the server',
    'A flag goes before an environment variable, and that before the default. Everything is checked at the start: what ' +
      'is not valid is told all at once, and the server ends with exit code 2. An unknown `CUTTY_` variable is an error ' +
      'too, since it is probably a misspelt one.',
    'Sizes are written as `64MiB`, `1GB` or a number of bytes.',
    '```sh\nCUTTY_DATA=/var/lib/cutty npm start -- --port 9000\n```',
    'The command line has settings of its own: see [the commands](cli.md#environment).',
    ...sections,
  ].join('\n\n')
}
