import { execFileSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

/** Where and when numbers were measured; part of every result. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGib: number
  readonly kernel: string
  readonly node: string
  readonly fileSystem: string
  readonly date: string
  readonly commit: string
  /** Tracked files differ from the commit. */
  readonly uncommitted: boolean
  /** Load average of the minute before the run: near 0 on a quiet machine. */
  readonly loadBefore: number
}

export function describeMachine(dataFolder: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
    fileSystem: fileSystemOf(dataFolder),
    date: new Date().toISOString(),
    commit: run('git', ['rev-parse', '--short=12', 'HEAD']) ?? 'unknown',
    uncommitted: run('git', ['status', '--porcelain', '--untracked-files=no']) !== '',
    loadBefore: Math.round(loadavg()[0]! * 100) / 100,
  }
}

function fileSystemOf(folder: string): string {
  const named = run('stat', ['--file-system', '--format=%T', folder])
  return named ?? `type 0x${statfsSync(folder).type.toString(16)}`
}

function run(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
