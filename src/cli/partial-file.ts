import { randomBytes } from 'node:crypto'
import { closeSync, openSync, rmSync } from 'node:fs'
import { open, realpath, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'

/** Where a download is written. Nothing is at the destination before `commit`; after `discard` nothing is left. */
export interface Target {
  write(chunk: Uint8Array): Promise<void>
  commit(): Promise<void>
  discard(): Promise<void>
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A file that appears whole or not at all: written beside its destination under another name, then renamed. An
 * interrupt takes it away too. What is neither a file nor absent (a pipe, /dev/null) is written as it is.
 */
export async function openTarget(destination: string): Promise<Target> {
  const present = await stat(destination).catch(() => undefined)
  if (present && !present.isFile()) return openDevice(destination)
  // The file that a link leads to is replaced, not the link.
  const path = present ? await realpath(destination) : destination
  const partial = join(dirname(path), `.${randomBytes(6).toString('hex')}.cutty-part`)

  const interrupt = (signal: NodeJS.Signals) => {
    rmSync(partial, { force: true })
    forget()
    // As if the signal had not been caught.
    process.kill(process.pid, signal)
  }
  const forget = () => signals.forEach((signal) => process.off(signal, interrupt))
  for (const signal of signals) process.on(signal, interrupt)
  try {
    // At once: an open under way could make the file after the interrupt has removed it.
    closeSync(openSync(partial, 'wx'))
    const file = await open(partial, 'r+')
    return {
      async write(chunk) {
        for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten
      },
      async commit() {
        await file.close()
        await rename(partial, path)
        forget()
      },
      async discard() {
        await file.close().catch(() => {})
        rmSync(partial, { force: true })
        forget()
      },
    }
  } catch (error) {
    rmSync(partial, { force: true })
    forget()
    throw error
  }
}

async function openDevice(path: string): Promise<Target> {
  const file = await open(path, 'w')
  return {
    write: (chunk) => file.writeFile(chunk),
    commit: () => file.close(),
    discard: () => file.close(),
  }
}

/** Standard output, at the pace of its reader. */
export function streamTarget(stream: Writable): Target {
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => stream.write(chunk, (error) => (error ? reject(error) : resolve()))),
    commit: async () => {},
    discard: async () => {},
  }
}
