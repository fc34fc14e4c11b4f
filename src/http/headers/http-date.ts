/** Dates in HTTP: RFC 9110 §5.6.7. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const month = `(${months.join('|')})`
const shortDay = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const longDay = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day'
const time = '(\\d\\d):(\\d\\d):(\\d\\d)'

const imfFixdate = new RegExp(`^${shortDay}, (\\d\\d) ${month} (\\d{4}) ${time} GMT$`)
const rfc850Date = new RegExp(`^${longDay}, (\\d\\d)-${month}-(\\d\\d) ${time} GMT$`)
const asctimeDate = new RegExp(`^${shortDay} ${month} (\\d\\d| \\d) ${time} (\\d{4})$`)

const latestMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)
const earliestMs = Date.parse('0000-01-01T00:00:00Z')

let lastSecond: number | undefined
let lastText = ''

/** Milliseconds since 1970 as IMF-fixdate, rounded down to the second. RangeError outside years 0 to 9999. */
export function formatHttpDate(ms: number): string {
  const second = Math.floor(ms / 1000)
  // Date is on every response: one second's text serves all of them.
  if (second === lastSecond) return lastText
  if (!(ms >= earliestMs && ms <= latestMs))
    throw new RangeError('The time cannot be written as an HTTP date')
  lastText = new Date(second * 1000).toUTCString()
  lastSecond = second
  return lastText
}

/**
 * Milliseconds since 1970, or `undefined` when the value is none of the three formats. `nowMs` decides
 * the century of two-digit years. The day's name must be a name, but need not fit the date: §5.6.7 asks
 * recipients to be robust, and ignoring the date would drop the condition that the client set.
 */
export function parseHttpDate(value: string, nowMs: number): number | undefined {
  const imf = imfFixdate.exec(value)
  if (imf) return toMs(Number(imf[3]), imf[2], imf[1], imf[4], imf[5], imf[6])
  const asctime = asctimeDate.exec(value)
  if (asctime) return toMs(Number(asctime[6]), asctime[1], asctime[2], asctime[3], asctime[4], asctime[5])
  const rfc850 = rfc850Date.exec(value)
  if (!rfc850) return undefined

  // "More than 50 years in the future" is the past: take the latest such year that is not beyond that.
  const now = new Date(nowMs)
  const limitMs = new Date(nowMs).setUTCFullYear(now.getUTCFullYear() + 50)
  let year = Math.floor(now.getUTCFullYear() / 100) * 100 + 100 + Number(rfc850[3])
  for (let century = 0; century < 3; century++, year -= 100) {
    const ms = toMs(year, rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6])
    if (ms !== undefined && ms <= limitMs) return ms
  }
  return undefined
}

function toMs(
  year: number,
  monthName: string | undefined,
  dayText: string | undefined,
  hourText: string | undefined,
  minuteText: string | undefined,
  secondText: string | undefined,
): number | undefined {
  const monthIndex = months.indexOf(monthName ?? '')
  const [day, hour, minute, second] = [dayText, hourText, minuteText, secondText].map(Number) as [
    number,
    number,
    number,
    number,
  ]
  // The grammar allows a leap second, :60; it becomes the next minute's first.
  if (hour > 23 || minute > 59 || second > 60) return undefined
  // Date.UTC would read years 0 to 99 as 1900 to 1999.
  const date = new Date(0)
  date.setUTCFullYear(year, monthIndex, day)
  if (date.getUTCDate() !== day || date.getUTCMonth() !== monthIndex) return undefined
  return date.setUTCHours(hour, minute, second)
}
