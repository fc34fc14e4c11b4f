/** Files that no package has: what servers and databases write. Seeded: the same bytes everywhere, on every machine. */
export type GeneratedKind = 'access-log' | 'measurements' | 'events' | 'sql-dump' | 'random'

export interface GeneratedFile {
  readonly path: string
  readonly kind: GeneratedKind
  readonly seed: number
  /** At most; text ends with the last line that fits. */
  readonly sizeBytes: number
}

const mebibyte = 1024 ** 2

/** Few large files and many small ones. */
export const generatedFiles: readonly GeneratedFile[] = [
  ...several('access-log', 'access-day', 'log', { files: 6, sizeBytes: mebibyte }),
  ...several('access-log', 'access-month', 'log', { files: 1, sizeBytes: 14 * mebibyte }),
  ...several('measurements', 'station', 'csv', { files: 60, sizeBytes: 50_000 }),
  ...several('measurements', 'network', 'csv', { files: 1, sizeBytes: 12 * mebibyte }),
  ...several('events', 'batch', 'ndjson', { files: 250, sizeBytes: 20_000 }),
  ...several('events', 'export', 'ndjson', { files: 1, sizeBytes: 10 * mebibyte }),
  ...several('sql-dump', 'table', 'sql', { files: 10, sizeBytes: 200_000 }),
  ...several('sql-dump', 'database', 'sql', { files: 1, sizeBytes: 8 * mebibyte }),
  ...several('random', 'small', 'bin', { files: 40, sizeBytes: 50_000 }),
  ...several('random', 'large', 'bin', { files: 1, sizeBytes: 3 * mebibyte }),
]

function several(
  kind: GeneratedKind,
  name: string,
  ending: string,
  { files, sizeBytes }: { files: number; sizeBytes: number },
): GeneratedFile[] {
  return Array.from({ length: files }, (_, index) => {
    const path = `${kind}/${name}-${String(index + 1).padStart(3, '0')}.${ending}`
    return { path, kind, seed: seedOf(path), sizeBytes }
  })
}

/** FNV-1a of the path. */
function seedOf(path: string): number {
  let hash = 0x811c9dc5
  for (const char of path) hash = Math.imul(hash ^ (char.codePointAt(0) as number), 0x01000193)
  return hash >>> 0
}

/** Whole numbers below `limit`. Integers only: what engines make of logarithms and sines may differ in the last digit. */
export type Dice = (limit: number) => number

/** mulberry32. */
export function createDice(seed: number): Dice {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}

export function generateFile({ kind, seed, sizeBytes }: Omit<GeneratedFile, 'path'>): Uint8Array {
  const dice = createDice(seed)
  if (kind === 'random') return Uint8Array.from({ length: sizeBytes }, () => dice(256))
  const nextLine = { 'access-log': accessLog, measurements, events, 'sql-dump': sqlDump }[kind](dice)
  const lines: string[] = []
  let filled = 0
  for (;;) {
    // ASCII only: as many bytes as characters.
    const line = nextLine()
    filled += line.length + 1
    if (filled > sizeBytes) break
    lines.push(line, '\n')
  }
  return Buffer.from(lines.join(''), 'latin1')
}

/** The product of two dice prefers what comes first, as names and pages in use do. */
function favourite<T>(dice: Dice, list: readonly T[]): T {
  return list[Math.floor((dice(list.length) * (1 + dice(list.length))) / list.length)] as T
}

const syllables =
  'an ber co da el fin gar ho in jo ka lu mar ne or pan qui ro sel tor un ver wa xi yo zen'.split(' ')

function word(dice: Dice): string {
  return Array.from({ length: 1 + dice(4) }, () => favourite(dice, syllables)).join('')
}

const listOf = <T>(length: number, make: () => T): T[] => Array.from({ length }, make)
const hex = (dice: Dice, digits: number) => listOf(digits, () => dice(16).toString(16)).join('')
const pad = (value: number, digits: number) => String(value).padStart(digits, '0')

/** Milliseconds since 1970, from a day in 2026 on. */
function createTime(dice: Dice, stepMsMax: number): () => Date {
  let time = 1_767_225_600_000 + dice(200) * 86_400_000
  return () => new Date((time += 1 + dice(stepMsMax)))
}

/** The combined format of web servers. */
function accessLog(dice: Dice): () => string {
  const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
  const clients = listOf(3000, () => `${1 + dice(223)}.${dice(256)}.${dice(256)}.${1 + dice(254)}`)
  const pages = listOf(
    800,
    () => `/${word(dice)}/${word(dice)}${favourite(dice, ['', '.html', '.png', '.js'])}`,
  )
  const browsers = listOf(60, () => {
    const version = 90 + dice(60)
    const system = favourite(dice, [
      'Windows NT 10.0; Win64; x64',
      'X11; Linux x86_64',
      'iPhone; CPU iPhone OS 19_1',
    ])
    return `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.${dice(7000)}.${dice(200)} Safari/537.36`
  })
  const time = createTime(dice, 900)
  return () => {
    const at = time()
    const stamp =
      `${pad(at.getUTCDate(), 2)}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}` +
      `:${at.toISOString().slice(11, 19)} +0000`
    const query = dice(4) === 0 ? `?id=${dice(100_000)}` : ''
    const status = favourite(dice, [200, 200, 200, 304, 206, 301, 404, 500])
    const referrer = dice(3) === 0 ? '-' : `https://www.example.org${favourite(dice, pages)}`
    const request = `${favourite(dice, ['GET', 'GET', 'GET', 'HEAD', 'POST'])} ${favourite(dice, pages)}${query}`
    return (
      `${favourite(dice, clients)} - - [${stamp}] "${request} HTTP/1.1" ${status} ` +
      `${status === 304 ? 0 : 200 + dice(90_000)} "${referrer}" "${favourite(dice, browsers)}"`
    )
  }
}

/** Walks that drift: neighbours resemble each other, as with real sensors. */
function measurements(dice: Dice): () => string {
  const stations = listOf(40, () => `${word(dice)}-${pad(dice(1000), 3)}`)
  const states = stations.map(() => ({ temperature: dice(3000), humidity: 4000 + dice(4000), volts: 3600 }))
  const time = createTime(dice, 60_000)
  let row = -1
  let stamp = ''
  return () => {
    row++
    if (row === 0) return 'time,station,temperature_c,humidity_percent,battery_v,samples,quality'
    const turn = (row - 1) % stations.length
    if (turn === 0) stamp = time().toISOString()
    const state = states[turn] as (typeof states)[number]
    state.temperature += dice(41) - 20
    state.humidity = Math.min(10_000, Math.max(0, state.humidity + dice(61) - 30))
    state.volts += dice(3) - 1
    const quality = dice(50) === 0 ? 'suspect' : 'good'
    const numbers = [state.temperature / 100, state.humidity / 100, state.volts / 1000]
    const digits = numbers.map((number, index) => number.toFixed(index === 2 ? 3 : 2))
    return `${stamp},${stations[turn]},${digits.join(',')},${30 + dice(31)},${quality}`
  }
}

/** What applications report, an object a line, some members only in some. */
function events(dice: Dice): () => string {
  const users = listOf(2000, () => `usr_${hex(dice, 16)}`)
  const names = ['page_viewed', 'file_uploaded', 'file_shared', 'search_done', 'login', 'payment_failed']
  const time = createTime(dice, 2000)
  return () =>
    JSON.stringify({
      id: `${hex(dice, 8)}-${hex(dice, 4)}-4${hex(dice, 3)}-a${hex(dice, 3)}-${hex(dice, 12)}`,
      time: time().toISOString(),
      event: favourite(dice, names),
      user: favourite(dice, users),
      session: `s_${hex(dice, 12)}`,
      context: {
        country: favourite(dice, ['DE', 'US', 'FR', 'IN', 'BR', 'JP', 'GB', 'NG', 'PL']),
        app: favourite(dice, ['web', 'ios', 'android', 'cli']),
        version: `${2 + dice(3)}.${dice(20)}.${dice(10)}`,
        ...(dice(3) === 0 ? { referrer: `https://${word(dice)}.example/${word(dice)}` } : {}),
      },
      durationMs: dice(200) * dice(200),
      ...(dice(4) === 0 ? { query: listOf(1 + dice(5), () => word(dice)).join(' ') } : {}),
      ok: dice(20) > 0,
    })
}

/** Rows of one table, fifty a statement. */
function sqlDump(dice: Dice): () => string {
  const cities = listOf(300, () => word(dice))
  const time = createTime(dice, 100_000)
  const title = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)
  let row = 0
  return () => {
    const first = favourite(dice, cities)
    const last = word(dice)
    const id = ++row
    const values = [
      id,
      `'${title(first)} ${title(last)}'`,
      `'${first}.${last}${dice(100)}@example.com'`,
      `'${title(favourite(dice, cities))}'`,
      dice(10) === 0 ? 'NULL' : `'+${1 + dice(98)} ${dice(1000)} ${pad(dice(10_000_000), 7)}'`,
      `${dice(5000)}.${pad(dice(100), 2)}`,
      `'${time().toISOString().slice(0, 19).replace('T', ' ')}'`,
    ]
    const begin = (id - 1) % 50 === 0 ? 'INSERT INTO customers VALUES\n' : ''
    return `${begin}(${values.join(', ')})${id % 50 === 0 ? ';' : ','}`
  }
}
