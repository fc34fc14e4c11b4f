import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ConfigError, readConfig } from './config.ts'
import { startServer } from './server.ts'

/** The server's start: `npm start`, `cutty serve`. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const config = readConfig(args, process.env)
    mkdirSync(config.data, { recursive: true, mode: 0o700 })
    const server = await startServer(config)
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

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2))
