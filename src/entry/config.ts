import { parseArgs } from 'node:util'
import type { AccessLogScope } from '../core/access-log/access-log.ts'

/**
 * Configuration of the server: read once, from flags and then the environment, validated, frozen. This table is
 * the documentation too (`docs/reference/configuration.md` is generated from it).
 */
export interface Setting<T> {
  readonly env: string
  readonly flag: string
  readonly description: string
  /** As the user would write it; `undefined` where something is made up or left out. */
  readonly default: string | undefined
  readonly whenAbsent?: string
  readonly secret?: boolean
  /** Throws an Error that says what is accepted. */
  readonly parse: (text: string) => T
}

const integer = (min: number, max: number) => (text: string) => {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new Error(`must be a whole number from ${min} to ${max}`)
  return value
}

const matching = (pattern: RegExp, what: string) => (text: string) => {
  if (!pattern.test(text)) throw new Error(`must be ${what}`)
  return text
}

/** `64MiB`, `1GB`, `4096`. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?)B?)?$/i.exec(text)
  if (!match) throw new Error('must be a size, such as 64MiB')
  const [, number, unit, binary] = match
  const exponent = unit ? 'KMGT'.indexOf(unit.toUpperCase()) + 1 : 0
  return Math.floor(Number(number) * (binary ? 1024 : 1000) ** exponent)
}

/** `https://files.example.com`, without a path: S3 lives at the root. */
function parseOrigin(text: string): string {
  const url = URL.parse(text)
  const isOrigin = url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`
  if (!isOrigin)
    throw new Error('must be an http or https URL without a path, such as https://files.example.com')
  return url.origin
}

function parseDomains(text: string): readonly string[] {
  const domains = text.split(',').map((domain) => domain.trim().toLowerCase())
  if (
    !domains.every((domain) =>
      /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(domain),
    )
  ) {
    throw new Error('must be domains without a port, separated by commas')
  }
  return domains
}

const atLeast = (min: number, parse: (text: string) => number) => (text: string) => {
  const value = parse(text)
  if (value < min) throw new Error(`must be at least ${min} bytes`)
  return value
}

const accessLogScopes = ['changes', 'all', 'none'] as const

export const logLevels = ['requests', 'errors', 'none'] as const
export type LogLevel = (typeof logLevels)[number]

export const settings = {
  host: {
    env: 'CUTTY_HOST',
    flag: 'host',
    description: 'Address to listen on. `0.0.0.0` or `::` for all; put a proxy with TLS in front then.',
    default: '127.0.0.1',
    parse: matching(/^[\w.:-]+$/, 'an address or a host name'),
  },
  port: {
    env: 'CUTTY_PORT',
    flag: 'port',
    description: 'TCP port. 0 takes a free one.',
    default: '8787',
    parse: integer(0, 65535),
  },
  data: {
    env: 'CUTTY_DATA',
    flag: 'data',
    description:
      'Folder for everything that is stored. Created when absent; belongs to one server at a time.',
    default: './data',
    parse: matching(/\S/, 'a folder'),
  },
  publicOrigin: {
    env: 'CUTTY_PUBLIC_ORIGIN',
    flag: 'public-origin',
    description:
      'Where clients see the server, such as `https://files.example.com`, if a proxy stands before it. Signed URLs are made for it.',
    default: undefined,
    whenAbsent: 'the host that a request was sent to, without TLS (on Workers: with it, if it came so)',
    parse: parseOrigin,
  },
  s3BaseDomain: {
    env: 'CUTTY_S3_BASE_DOMAIN',
    flag: 's3-base-domain',
    description:
      'Domains below which the first labels of a host name a bucket (`bucket.s3.example.com`), separated by commas.',
    default: undefined,
    whenAbsent: 'buckets are found by the path only',
    parse: parseDomains,
  },
  adminAccessKeyId: {
    env: 'CUTTY_ADMIN_ACCESS_KEY_ID',
    flag: 'admin-access-key-id',
    description:
      'Access key id of the first administrator. Added at every start when it is missing, so it is a way back in.',
    default: undefined,
    whenAbsent: 'made up on the first start and printed once',
    parse: matching(/^[\w]{3,128}$/, '3 to 128 letters, digits and underscores'),
  },
  adminSecretAccessKey: {
    env: 'CUTTY_ADMIN_SECRET_ACCESS_KEY',
    flag: 'admin-secret-access-key',
    description: 'Its secret. Goes with the id.',
    default: undefined,
    whenAbsent: 'made up on the first start and printed once',
    secret: true,
    parse: matching(/^[\x21-\x7e]{16,256}$/, '16 to 256 printable ASCII characters'),
  },
  masterKey: {
    env: 'CUTTY_MASTER_KEY',
    flag: 'master-key',
    description: 'Encrypts the secrets in the database. Without it they cannot be read: keep a copy.',
    default: undefined,
    whenAbsent: 'the file `master.key` of the data folder (mode 0600), made on the first start',
    secret: true,
    parse: matching(/^.{32,}$/, 'at least 32 characters; `openssl rand -base64 32` makes some'),
  },
  cacheBytes: {
    env: 'CUTTY_CACHE_BYTES',
    flag: 'cache-bytes',
    description: 'Memory for the bodies of small files, and pieces of large ones. 0 turns it off.',
    default: '32MiB',
    parse: parseBytes,
  },
  cacheFolder: {
    env: 'CUTTY_CACHE_FOLDER',
    flag: 'cache-folder',
    description: 'A folder on a faster disk than that of the data, to keep there what is asked for often.',
    default: undefined,
    whenAbsent: 'there is no such cache',
    parse: matching(/\S/, 'a path'),
  },
  cacheFolderBytes: {
    env: 'CUTTY_CACHE_FOLDER_BYTES',
    flag: 'cache-folder-bytes',
    description: 'What may be kept there, at least 1 MiB.',
    default: '10GiB',
    parse: atLeast(1024 ** 2, parseBytes),
  },
  reserveBytes: {
    env: 'CUTTY_RESERVE_BYTES',
    flag: 'reserve-bytes',
    description:
      'Room on the disk that uploads leave free. Deleting needs some: what is filled to the last byte cannot be emptied.',
    default: '64MiB',
    parse: parseBytes,
  },
  scrubDays: {
    env: 'CUTTY_SCRUB_DAYS',
    flag: 'scrub-days',
    description:
      'Everything that is stored is read and checked this many days after it was the last time. 0 turns it off.',
    default: '30',
    parse: integer(0, 3650),
  },
  slowStatementMs: {
    env: 'CUTTY_SLOW_STATEMENT_MS',
    flag: 'slow-statement-ms',
    description:
      'A statement of the database that takes as many milliseconds is told in the log, with its plan. 0 turns it off.',
    default: '50',
    parse: integer(0, 3_600_000),
  },
  accessLog: {
    env: 'CUTTY_ACCESS_LOG',
    flag: 'access-log',
    description:
      'Which requests `cutty log` has: `changes` are all but reads that went well, `all` those too, `none` is no log.',
    default: 'changes',
    parse: (text: string): AccessLogScope | 'none' => {
      const scope = accessLogScopes.find((each) => each === text)
      if (!scope) throw new Error(`must be one of ${accessLogScopes.join(', ')}`)
      return scope
    },
  },
  accessLogDays: {
    env: 'CUTTY_ACCESS_LOG_DAYS',
    flag: 'access-log-days',
    description: 'How long they are kept.',
    default: '30',
    parse: integer(1, 3650),
  },
  accessLogRows: {
    env: 'CUTTY_ACCESS_LOG_ROWS',
    flag: 'access-log-rows',
    description: 'How many are kept at most, the newest: a million take some 270 MB.',
    default: '5000000',
    parse: integer(1000, 1_000_000_000),
  },
  log: {
    env: 'CUTTY_LOG',
    flag: 'log',
    description: `What goes to standard output as JSON lines: ${logLevels.join(', ')}.`,
    default: 'requests',
    parse: (text: string): LogLevel => {
      const level = logLevels.find((each) => each === text)
      if (!level) throw new Error(`must be one of ${logLevels.join(', ')}`)
      return level
    },
  },
  shutdownSeconds: {
    env: 'CUTTY_SHUTDOWN_SECONDS',
    flag: 'shutdown-seconds',
    description: 'How long requests may go on after SIGTERM or Ctrl-C before their connections are closed.',
    default: '30',
    parse: integer(0, 3600),
  },
} as const satisfies Record<string, Setting<unknown>>

type Settings = typeof settings
type Parsed = {
  [name in keyof Settings]:
    | ReturnType<Settings[name]['parse']>
    | (Settings[name]['default'] extends undefined ? undefined : never)
}

export interface Config extends Readonly<Omit<Parsed, 'adminAccessKeyId' | 'adminSecretAccessKey'>> {
  readonly admin: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

/** Every problem at once, each naming the setting and what is accepted. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export function readConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Config {
  const flags = readFlags(args)
  const problems: string[] = unknownVariables(env)
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    const fromFlag = flags[setting.flag]
    const text = fromFlag ?? (env[setting.env] || undefined) ?? setting.default
    if (text === undefined) continue
    try {
      values[name] = setting.parse(text)
    } catch (error) {
      const source = fromFlag === undefined ? setting.env : `--${setting.flag}`
      problems.push(`${source} ${(error as Error).message}${setting.secret ? '' : `, not “${text}”`}`)
    }
  }
  const { adminAccessKeyId: accessKeyId, adminSecretAccessKey: secretAccessKey, ...rest } = values as Parsed
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined) && problems.length === 0) {
    problems.push(`${settings.adminAccessKeyId.env} and ${settings.adminSecretAccessKey.env} go together`)
  }
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `${problem}.`).join('\n'))
  const admin =
    accessKeyId === undefined || secretAccessKey === undefined
      ? undefined
      : Object.freeze({ accessKeyId, secretAccessKey })
  return Object.freeze({ ...rest, admin })
}

function readFlags(args: readonly string[]): Record<string, string | undefined> {
  const options = Object.fromEntries(
    Object.values<Setting<unknown>>(settings).map(({ flag }) => [flag, { type: 'string' as const }]),
  )
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new ConfigError((error as Error).message, { cause: error })
  }
}

/** A misspelt variable would be ignored in silence. */
function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set<string>(Object.values(settings).map((setting) => setting.env))
  // Of the command line, which runs beside a server in one shell.
  for (const name of ['CUTTY_URL', 'CUTTY_ACCESS_KEY_ID', 'CUTTY_SECRET_ACCESS_KEY', 'CUTTY_TOKEN'])
    known.add(name)
  return Object.keys(env)
    .filter((name) => name.startsWith('CUTTY_') && !known.has(name))
    .map((name) => `${name} is not a setting of this release`)
}
