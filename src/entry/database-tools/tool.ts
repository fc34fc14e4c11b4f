import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** What every tool of a data folder is given. */
export interface ToolCall {
  /** The data folder. */
  readonly data: string
  /** Ends the work between two of its steps; what was not finished is never taken for finished. */
  readonly signal: AbortSignal
  /** Begins to show how far a part of the work is. */
  readonly stage: (name: string, totalBytes: number) => Stage
}

export interface Stage {
  advance(bytes: number): void
  end(): void
}

/** Something is not as it has to be for the tool to do its work: the message says what, and what to do. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
}

/** Throws `ToolError` when there is none. */
export function databaseOf(data: string): string {
  const file = join(data, 'cutty.db')
  if (!existsSync(file)) throw new ToolError(`${data} is no data folder: there is no cutty.db in it.`)
  return file
}

/** Throws `ToolError` when one of two folders is the other, or in it. Neither has to exist. */
export function refuseNested(a: string, b: string): void {
  const [from, to] = [realPath(a), realPath(b)]
  const isIn = (inner: string, outer: string) => !/^\.\.(\/|\\|$)/.test(relative(outer, inner))
  if (isIn(from, to) || isIn(to, from)) throw new ToolError(`${a} and ${b} must lie beside one another.`)
}

function realPath(path: string): string {
  const whole = resolve(path)
  if (existsSync(whole) || dirname(whole) === whole) return realpathSync(whole)
  return join(realPath(dirname(whole)), relative(dirname(whole), whole))
}

export function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
}

/** The first few, for a sentence. */
export function someOf(items: readonly string[]): string {
  return items.slice(0, 3).join(', ') + (items.length > 3 ? ` and ${items.length - 3} more` : '')
}

/** Several at once, since most of the time of one is waiting for the disk. Stops at the first failure. */
export async function eachAtOnce<T>(
  items: readonly T[],
  options: { signal: AbortSignal; work: (item: T) => Promise<void> },
): Promise<void> {
  let next = 0
  const workers = Array.from({ length: Math.min(atOnceMax, items.length) }, async () => {
    while (next < items.length) {
      options.signal.throwIfAborted()
      try {
        await options.work(items[next++] as T)
      } catch (error) {
        next = items.length
        throw error
      }
    }
  })
  await Promise.all(workers)
}

/** Files that are written share the syncs of the file system's log. */
const atOnceMax = 8
/** Rows at a time. */
export const pageRows = 1000
