import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { version } from '../core/version.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { type RunningServer, startServer } from './server.ts'

/** The server's start: `npm start`, `cutty serve`. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const config = readConfig(args, process.env)
    mkdirSync(config.data, { recursive: true, mode: 0o700 })
    const server = await startServer(config)
    announce(config, server)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        // A second signal ends the wait.
        process.once(signal, () => process.exit(1))
        void server.stop().then(() => process.exit(0))
      })
    }
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(`cutty: the configuration is not valid.\n${error.message}`)
      process.exit(2)
    }
    console.error(`cutty: ${(error as Error).message}`)
    process.exit(1)
  }
}

/** To people, on standard error; the log on standard output is for machines. */
function announce(config: Config, { url, firstKey: key }: RunningServer): void {
  const lines = [
    `cutty ${version} listens on ${url}`,
    `  API     ${url}/api/v1/docs`,
    `  data    ${config.data}`,
  ]
  if (key) {
    lines.push(
      '',
      'First start: the administrator’s access key, shown this once.',
      `  access key id      ${key.accessKeyId}`,
      `  secret access key  ${key.secretAccessKey}`,
      '',
      'To make another, with these in CUTTY_ACCESS_KEY_ID and CUTTY_SECRET_ACCESS_KEY:',
      `  npm run cutty -- keys create --user ${key.userId}`,
      'If they are lost, start with CUTTY_ADMIN_ACCESS_KEY_ID and CUTTY_ADMIN_SECRET_ACCESS_KEY set to new ones.',
    )
  }
  console.error(lines.join('\n'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2))
