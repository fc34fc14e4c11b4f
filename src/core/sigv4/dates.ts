/** Dates of Signature Version 4: `20130524T000000Z`, and the day of a scope, `20130524`. */

const basicFormat = /^\d{8}T\d{6}Z$/

/** Milliseconds since 1970 in the basic format of ISO 8601, rounded down to the second. */
export function formatAmzDate(ms: number): string {
  const text = new Date(ms).toISOString()
  return `${text.slice(0, 4)}${text.slice(5, 7)}${text.slice(8, 13)}${text.slice(14, 16)}${text.slice(17, 19)}Z`
}

/** Milliseconds since 1970, or `undefined` when it is no such date. */
export function parseAmzDate(text: string): number | undefined {
  if (!basicFormat.test(text)) return undefined
  const digits = (from: number, to: number) => Number(text.slice(from, to))
  const year = digits(0, 4)
  const month = digits(4, 6)
  const day = digits(6, 8)
  const [hour, minute, second] = [digits(9, 11), digits(11, 13), digits(13, 15)]
  const date = new Date(0)
  // Unlike Date.UTC, which takes the year 26 for 1926; both let a February 30th run over into March.
  date.setUTCFullYear(year, month - 1, day)
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!isDay || hour > 23 || minute > 59 || second > 59) return undefined
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000
}

/**
 * The Date field, for requests without x-amz-date: in the one form that HTTP senders may use (RFC 9110 §5.6.7), or in the
 * basic format, which some clients send there.
 */
export function parseDateHeader(text: string): number | undefined {
  const basic = parseAmzDate(text)
  if (basic !== undefined) return basic
  const ms = Date.parse(text)
  return Number.isNaN(ms) || new Date(ms).toUTCString() !== text ? undefined : ms
}
