import { version } from '../../core/version.ts'
import { defineCommand } from '../command.ts'

export const versionCommands = [
  defineCommand({
    name: 'version',
    summary: 'Print the version',
    arguments: [],
    options: {},
    examples: ['version'],
    connects: false,
    json: true,
    run: async ({ output }) => {
      const node = process.versions.node
      output.done({ version, node }, `cutty ${version}, Node ${node}`)
    },
  }),
]
