import { z } from 'zod'

/** What the endpoints of the database have in common. */
export const tag = 'Database'

const hourSeconds = 3600
const unitSeconds = { h: hourSeconds, d: 24 * hourSeconds } as const
const windowSecondsMax = 30 * unitSeconds.d

/** `24h`, `7d`; a bare number is seconds. NaN for anything else. */
export function parseWindow(text: string): number {
  const [, number, unit] = /^(\d{1,8})([hd]?)$/.exec(text) ?? []
  return number === undefined ? Number.NaN : Number(number) * (unitSeconds[unit as 'h' | 'd'] ?? 1)
}

export function windowField(standard: string) {
  return z
    .string()
    .refine((text) => {
      const seconds = parseWindow(text)
      return seconds >= hourSeconds && seconds <= windowSecondsMax
    }, 'must be from 1h to 30d, as 24h, 7d, or a number of seconds')
    .default(standard)
    .meta({
      description:
        'Counted back from now: hours (`24h`), days (`7d`), or seconds. From `1h` to `30d`. What is counted is kept by the hour, ' +
        'so the hour in which the window begins counts wholly.',
    })
}

export function orNull(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(4))
}

export function round(value: number): number {
  return Number(value.toFixed(3))
}
