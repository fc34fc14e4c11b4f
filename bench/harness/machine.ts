import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** Where and when numbers were measured; part of every result. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGib: number
  readonly kernel: string
  readonly node: string
  /** `NODE_OPTIONS`: they hold for servers, yardsticks and load alike. */
  readonly nodeOptions: string
  readonly fileSystem: string
  readonly date: string
  readonly commit: string
  /** Tracked files differ from the commit. */
  readonly uncommitted: boolean
}

export function describeMachine(dataFolder: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
    nodeOptions: process.env['NODE_OPTIONS'] ?? '',
    fileSystem: fileSystemOf(dataFolder),
    date: new Date().toISOString(),
    commit: run('git', ['rev-parse', '--short=12', 'HEAD']) ?? 'unknown',
    uncommitted: run('git', ['status', '--porcelain', '--untracked-files=no']) !== '',
  }
}

function fileSystemOf(folder: string): string {
  return run('df', ['--output=fstype', folder])?.split('\n')[1] ?? 'unknown'
}

function run(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
