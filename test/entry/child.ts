import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const entry = join(import.meta.dirname, '../../src/entry/node.ts')

/** A server as a process of its own, as `npm start` makes it. */
export interface ServerProcess {
  readonly child: ChildProcess
  /** Resolves with the URL as soon as it listens; rejects with what it said when it ends before. */
  readonly ready: Promise<string>
  /** Resolves when it has ended and all that it said has arrived. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  output(): { stdout: string; stderr: string }
  kill(signal: NodeJS.Signals): void
}

/** `env` is all of its environment beside the PATH. */
export function startProcess(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): ServerProcess {
  const child = spawn(process.execPath, [entry, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  const listening = Promise.withResolvers<string>()
  const ended = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>()
  // Whoever waits for the end of a process that never listened need not wait for this.
  listening.promise.catch(() => {})
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    const url = /listens on (http:\S+)/.exec(stderr)?.[1]
    // The rest of what is announced comes in the same piece or right after.
    if (url && /data .*\n/.test(stderr)) listening.resolve(url)
  })
  child.once('close', (code, signal) => {
    listening.reject(new Error(`The server ended with ${code ?? signal}: ${stderr}${stdout}`))
    ended.resolve({ code, signal })
  })
  return {
    child,
    ready: listening.promise,
    ended: ended.promise,
    output: () => ({ stdout, stderr }),
    kill: (signal) => void child.kill(signal),
  }
}
