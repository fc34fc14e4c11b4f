import { formatBytes, printable } from './output.ts'

/** Shows how far a transfer is, on a terminal. */
export interface Progress {
  advance(bytes: number): void
  end(): void
}

export const silent: Progress = { advance() {}, end() {} }

/** What is over sooner needs no bar. */
const delayMs = 300
const intervalMs = 100

export function createProgress(options: {
  stream: { isTTY?: boolean; columns?: number; write(text: string): unknown }
  name: string
  totalBytes: number | undefined
  now: () => number
}): Progress {
  const { stream, name, totalBytes, now } = options
  if (!stream.isTTY) return silent
  const startedMs = now()
  let doneBytes = 0
  let drawnMs = startedMs + delayMs - intervalMs
  let drawn = false
  return {
    advance(bytes) {
      doneBytes += bytes
      const nowMs = now()
      if (nowMs - drawnMs < intervalMs) return
      drawnMs = nowMs
      drawn = true
      // A terminal may not know its width.
      const state = {
        name,
        doneBytes,
        totalBytes,
        elapsedMs: nowMs - startedMs,
        columns: stream.columns || 80,
      }
      stream.write(`\r\u001b[K${formatProgress(state)}`)
    },
    end() {
      if (drawn) stream.write('\r\u001b[K')
    },
  }
}

/** One line, never wider than the terminal: `photo.jpg  42 % [####------]  12.0 MiB/s  0:05 left`. */
export function formatProgress(state: {
  name: string
  doneBytes: number
  totalBytes: number | undefined
  elapsedMs: number
  columns: number
}): string {
  const { doneBytes, totalBytes, elapsedMs, columns } = state
  const bytesPerSecond = (doneBytes * 1000) / Math.max(elapsedMs, 1)
  const speed = `${formatBytes(Math.round(bytesPerSecond))}/s`
  // An emoji takes two columns and is two UTF-16 units: `length` is near enough.
  const whole = printable(state.name)
  const name = whole.length > 30 ? `…${whole.slice(-29)}` : whole
  const parts =
    totalBytes === undefined || totalBytes === 0
      ? [name, formatBytes(doneBytes), speed]
      : [
          name,
          drawBar(Math.min(1, doneBytes / totalBytes)),
          speed,
          `${formatClock(Math.max(0, totalBytes - doneBytes) / bytesPerSecond)} left`,
        ]
  return parts.join('  ').slice(0, Math.max(0, columns - 1))
}

function drawBar(fraction: number): string {
  const width = 20
  const full = Math.floor(fraction * width)
  return `${String(Math.floor(fraction * 100)).padStart(3)} % [${'#'.repeat(full)}${'-'.repeat(width - full)}]`
}

function formatClock(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  const whole = Math.ceil(seconds)
  const minutes = Math.floor(whole / 60)
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
