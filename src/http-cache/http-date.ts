/** Dates in HTTP: RFC 9110 §5.6.7. */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const month = `(${months.join('|')})`
const time = '(\\d\\d):(\\d\\d):(\\d\\d)'
const imfFixdate = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\\d\\d) ${month} (\\d{4}) ${time} GMT$`)
const rfc850Date = new RegExp(
  `^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\\d\\d)-${month}-(\\d\\d) ${time} GMT$`,
)
const asctimeDate = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} (\\d\\d| \\d) ${time} (\\d{4})$`)

/** Milliseconds since 1970, or `undefined` for anything that is none of the three formats. */
export function parseHttpDate(text: string | null, nowMs: number): number | undefined {
  if (text === null) return undefined
  const imf = imfFixdate.exec(text)
  if (imf) return toMs(Number(imf[3]), imf[2], imf[1], imf.slice(4))
  const asctime = asctimeDate.exec(text)
  if (asctime) return toMs(Number(asctime[6]), asctime[1], asctime[2], asctime.slice(3, 6))
  const rfc850 = rfc850Date.exec(text)
  if (!rfc850) return undefined
  // More than 50 years ahead is meant to be the past.
  const thisYear = new Date(nowMs).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + Number(rfc850[3])
  const latest = thisYear + 50
  return toMs(year > latest ? year - 100 : year, rfc850[2], rfc850[1], rfc850.slice(4))
}

/** Rounded down to the second. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString()
}

function toMs(year: number, monthName: string | undefined, dayText: string | undefined, clock: string[]) {
  const [hour, minute, second] = clock.map(Number) as [number, number, number]
  // The grammar allows a leap second.
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const day = Number(dayText)
  const monthIndex = months.indexOf(monthName ?? '')
  // Date.UTC would read years 0 to 99 as 1900 to 1999.
  const date = new Date(0)
  date.setUTCFullYear(year, monthIndex, day)
  if (date.getUTCDate() !== day || date.getUTCMonth() !== monthIndex) return undefined
  return date.setUTCHours(hour, minute, second)
}
