import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { buffer, text } from 'node:stream/consumers'

/** With CUTTY_TEST_ALL an absent client is a failure: its tests are run, and find nothing to run. */
export const isEverythingPromised = process.env['CUTTY_TEST_ALL'] === '1'

export function canRun(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { timeout: 30_000 }).status === 0
}

/** What a title says of a client that is not here. */
export function named(title: string, absent: boolean): string {
  return absent ? `${title} (not installed: not run)` : title
}

export interface Ended {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs a program to its end; it is ended after a minute. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const child = spawn(command, args, { env: { PATH: process.env['PATH'], ...env }, timeout: 60_000 })
  const closed = once(child, 'close') as Promise<[number | null]>
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([buffer(child.stdout), text(child.stderr), closed])
  return { code: code ?? -1, stdout, stderr }
}
