import { type Setting, settings } from '../../entry/config.ts'
import { defineCommand, type Option } from '../command.ts'

/** The server's settings as options; the server parses and validates them itself. */
const options = Object.fromEntries(
  Object.values<Setting<unknown>>(settings).map((setting): [string, Option] => [
    setting.flag,
    {
      type: 'string',
      value: '<value>',
      description: `${setting.description} \`${setting.env}\`${setting.default === undefined ? '' : `, else ${setting.default}`}.`,
    },
  ]),
)

export const serveCommands = [
  defineCommand({
    name: 'serve',
    summary: 'Start the server',
    description:
      'Runs in the foreground until SIGTERM or Ctrl-C. Standard output is the log, JSON on each line; standard error ' +
      'is for people. Every option can be given by an environment variable too, which is where secrets belong.',
    arguments: [],
    options,
    examples: ['serve', 'serve --port 9000 --data /var/lib/cutty'],
    connects: false,
    json: false,
    run: async ({ rest }) => {
      // Only now: the help of a command must not load a server.
      const { main } = await import('../../entry/node.ts')
      await main(rest)
    },
  }),
]
