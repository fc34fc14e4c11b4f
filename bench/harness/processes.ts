import { execFileSync, spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChildProcess } from 'node:child_process'
import type { AddressInfo } from 'node:net'

/**
 * Which core a process is held to. The server gets one and the load the other, so neither slows the other; `any` is for what
 * uses several.
 */
export type Core = 'server' | 'load' | 'any'

export const cores = { server: 0, load: 1 } as const

/** Asked now: a process that is held to a core sees no other. */
const coresInAll = availableParallelism()

/** Whether processes can be held to a core here: `taskset` (Linux) and at least two cores. */
export const pinning: boolean = canPin()

/** Holds this process, and what it measures itself, to the load's core. */
export function pinSelf(): void {
  if (!pinning) return
  const core = String(cores.load)
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', core, String(process.pid)], {
    stdio: 'ignore',
  })
}

const running = new Set<ChildProcess>()

/** Kills what a scenario that failed has left running. */
export function killRunning(): void {
  for (const child of running) child.kill('SIGKILL')
}

// Whatever ends this process ends the servers too.
process.once('exit', killRunning)

export interface RunningProcess {
  readonly pid: number
  /** Processor time used so far, of all threads; `NaN` where there is no /proc. */
  cpuSeconds(): number
  /** Resident memory now and at its highest so far; `NaN` where there is no /proc. */
  memoryMib(): { readonly now: number; readonly peak: number }
  /** Sends SIGTERM and waits for the end, at most 20 s; then kills. Rejects when the exit was not clean. */
  stop(): Promise<void>
}

export interface StartOptions {
  readonly args: readonly string[]
  readonly core: Core
  readonly env?: Readonly<Record<string, string>>
  /** Where its output goes. */
  readonly logPath: string
  readonly readyUrl: string
}

/** Starts this Node with `args` and resolves when `readyUrl` answers 200. */
export async function startProcess(options: StartOptions): Promise<RunningProcess> {
  const { args, core, env, logPath, readyUrl } = options
  const log = openSync(logPath, 'a')
  const [command, ...rest] = pinned(core, args)
  const child = spawn(command!, rest, { stdio: ['ignore', log, log], env: { ...process.env, ...env } })
  const exited = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
  let exit: number | string | undefined
  void exited.then((code) => (exit = code))
  running.add(child)
  void exited.then(() => running.delete(child))

  const started = performance.now()
  while (!(await answers(readyUrl))) {
    if (exit !== undefined || performance.now() - started > 30_000) {
      child.kill('SIGKILL')
      const end = readFileSync(logPath, 'utf8').slice(-2000)
      throw new Error(`${args[0]} did not become ready (${exit ?? 'in 30 s'}). Its last output:\n${end}`)
    }
    await sleep(20)
  }
  const pid = child.pid!

  return {
    pid,
    cpuSeconds: () => cpuSecondsOf(pid),
    memoryMib: () => memoryMibOf(pid),
    async stop() {
      if (exit === undefined) child.kill('SIGTERM')
      const code = await Promise.race([exited, sleep(20_000, 'no exit', { ref: false })])
      if (code === 'no exit') child.kill('SIGKILL')
      if (code !== 0 && code !== 'SIGTERM') throw new Error(`${args[0]} ended with ${code}; see ${logPath}`)
    },
  }
}

/** Runs this Node with `args` to its end, `input` on its standard input, and reads JSON from its output. */
export async function runProcess<T>(core: Core, args: readonly string[], input: unknown): Promise<T> {
  const [command, ...rest] = pinned(core, args)
  const child = spawn(command!, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(input))
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const output = await text(child.stdout)
  const code = await exited
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`)
  return JSON.parse(output) as T
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function pinned(core: Core, args: readonly string[]): string[] {
  const command = [process.execPath, ...args]
  if (!pinning) return command
  // Not left out: a process inherits the cores of the one that starts it.
  const list = core === 'any' ? `0-${coresInAll - 1}` : String(cores[core])
  return ['taskset', '--cpu-list', list, ...command]
}

function canPin(): boolean {
  if (coresInAll < 2) return false
  try {
    execFileSync('taskset', ['--cpu-list', '0', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url)
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}

function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    // utime and stime, proc_pid_stat(5) fields 14 and 15, in ticks of 1/100 s.
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return Number.NaN
  }
}

function memoryMibOf(pid: number): { now: number; peak: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
    return { now: mib('VmRSS'), peak: mib('VmHWM') }
  } catch {
    return { now: Number.NaN, peak: Number.NaN }
  }
}
