import { describe, expect, test } from 'vitest'
import { parseBytes, readConfig, type Setting, settings } from '../../src/entry/config.ts'

const masterKey = 'm'.repeat(32)

describe('configuration', () => {
  test('without anything said is what the documents say', () => {
    expect(readConfig([], {})).toEqual({
      host: '127.0.0.1',
      port: 8787,
      data: './data',
      cacheBytes: 32 * 1024 ** 2,
      cacheFolder: undefined,
      cacheFolderBytes: 10 * 1024 ** 3,
      reserveBytes: 64 * 1024 ** 2,
      scrubDays: 30,
      slowStatementMs: 50,
      accessLog: 'changes',
      accessLogDays: 30,
      accessLogRows: 5_000_000,
      log: 'requests',
      shutdownSeconds: 30,
      admin: undefined,
    })
  })

  test('has a flag, a variable and a description for each setting, each once', () => {
    const all = Object.values<Setting<unknown>>(settings)
    for (const { env, flag, description, default: fallback, whenAbsent } of all) {
      expect(env).toMatch(/^CUTTY_[A-Z0-9_]+$/)
      expect(flag).toBe(env.slice('CUTTY_'.length).toLowerCase().replaceAll('_', '-'))
      expect(description).toMatch(/\.$/)
      expect(fallback ?? whenAbsent).toBeDefined()
    }
    expect(new Set(all.map(({ env }) => env)).size).toBe(all.length)
  })

  test('takes every setting from the environment', () => {
    const env = {
      CUTTY_HOST: '::',
      CUTTY_PORT: '0',
      CUTTY_DATA: '/var/lib/cutty data',
      CUTTY_PUBLIC_ORIGIN: 'https://Files.example.com:443/',
      CUTTY_S3_BASE_DOMAIN: 's3.example.com, S3.internal',
      CUTTY_ADMIN_ACCESS_KEY_ID: 'ADMIN_1',
      CUTTY_ADMIN_SECRET_ACCESS_KEY: 's3cret/with+signs=',
      CUTTY_MASTER_KEY: masterKey,
      CUTTY_CACHE_BYTES: '1.5 GiB',
      CUTTY_CACHE_FOLDER: '/fast disk/cache',
      CUTTY_CACHE_FOLDER_BYTES: '2 GiB',
      CUTTY_RESERVE_BYTES: '1GB',
      CUTTY_SCRUB_DAYS: '0',
      CUTTY_SLOW_STATEMENT_MS: '0',
      CUTTY_ACCESS_LOG: 'none',
      CUTTY_ACCESS_LOG_DAYS: '3650',
      CUTTY_ACCESS_LOG_ROWS: '1000',
      CUTTY_LOG: 'errors',
      CUTTY_SHUTDOWN_SECONDS: '0',
    }
    const expected = {
      host: '::',
      port: 0,
      data: '/var/lib/cutty data',
      publicOrigin: 'https://files.example.com',
      s3BaseDomain: ['s3.example.com', 's3.internal'],
      admin: { accessKeyId: 'ADMIN_1', secretAccessKey: 's3cret/with+signs=' },
      masterKey,
      cacheBytes: 1.5 * 1024 ** 3,
      cacheFolder: '/fast disk/cache',
      cacheFolderBytes: 2 * 1024 ** 3,
      reserveBytes: 1e9,
      scrubDays: 0,
      slowStatementMs: 0,
      accessLog: 'none',
      accessLogDays: 3650,
      accessLogRows: 1000,
      log: 'errors',
      shutdownSeconds: 0,
    }
    expect(readConfig([], env)).toEqual(expected)
    const flags = Object.entries(env).map(
      ([name, value]) => `--${name.slice(6).toLowerCase().replaceAll('_', '-')}=${value}`,
    )
    expect(readConfig(flags, {})).toEqual(expected)
  })

  test('prefers flags to the environment, and the environment to defaults', () => {
    const env = { CUTTY_PORT: '1000', CUTTY_HOST: '' }
    expect(readConfig([], env)).toMatchObject({ port: 1000, host: '127.0.0.1' })
    expect(readConfig(['--port', '2000'], env)).toMatchObject({ port: 2000 })
    // What is overridden need not even be right.
    expect(readConfig(['--port=2000'], { CUTTY_PORT: 'none' })).toMatchObject({ port: 2000 })
  })

  test('is frozen', () => {
    const config = readConfig([], {
      CUTTY_ADMIN_ACCESS_KEY_ID: 'ADMIN',
      CUTTY_ADMIN_SECRET_ACCESS_KEY: 'a secret of 16 c'.replaceAll(' ', '-'),
    })
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.admin)).toBe(true)
  })

  test.each([
    ['CUTTY_PORT', '65536', 'whole number from 0 to 65535, not “65536”'],
    ['CUTTY_PORT', '80.5', 'whole number'],
    ['CUTTY_PORT', '0x50', 'whole number'],
    ['CUTTY_PORT', ' 80', 'whole number'],
    ['CUTTY_PORT', '-1', 'whole number'],
    ['CUTTY_HOST', 'http://localhost', 'address'],
    ['CUTTY_DATA', '  ', 'folder'],
    ['CUTTY_CACHE_BYTES', 'much', 'size'],
    ['CUTTY_CACHE_BYTES', '-1', 'size'],
    ['CUTTY_CACHE_BYTES', '1PB', 'size'],
    ['CUTTY_CACHE_FOLDER_BYTES', '1KiB', 'at least'],
    ['CUTTY_PUBLIC_ORIGIN', 'files.example.com', 'https URL without a path'],
    ['CUTTY_PUBLIC_ORIGIN', 'ftp://files.example.com', 'https URL without a path'],
    ['CUTTY_PUBLIC_ORIGIN', 'https://files.example.com/s3', 'https URL without a path'],
    ['CUTTY_PUBLIC_ORIGIN', 'https://a:b@files.example.com', 'https URL without a path'],
    ['CUTTY_S3_BASE_DOMAIN', 'a.example,', 'domains without a port'],
    ['CUTTY_S3_BASE_DOMAIN', 'a.example:80', 'domains without a port'],
    ['CUTTY_S3_BASE_DOMAIN', '.example', 'domains without a port'],
    ['CUTTY_LOG', 'debug', 'requests, errors, none'],
    ['CUTTY_SHUTDOWN_SECONDS', '3601', '3600'],
    ['CUTTY_MASTER_KEY', 'too short', '32 characters'],
    ['CUTTY_ADMIN_ACCESS_KEY_ID', 'a-b', 'letters, digits and underscores'],
    ['CUTTY_ADMIN_SECRET_ACCESS_KEY', 'short', '16 to 256'],
    ['CUTTY_ADMIN_SECRET_ACCESS_KEY', 'with a space in it 123', '16 to 256'],
  ])('refuses %s=%s and says what it takes', (name, value, message) => {
    expect(() => readConfig([], { [name]: value })).toThrow(message)
    expect(() => readConfig([], { [name]: value })).toThrow(name)
    const flag = `--${name.slice(6).toLowerCase().replaceAll('_', '-')}`
    expect(() => readConfig([`${flag}=${value}`], {})).toThrow(flag)
  })

  test('tells all problems at once, and repeats no secret', () => {
    const secrets = { CUTTY_MASTER_KEY: 'hush', CUTTY_ADMIN_SECRET_ACCESS_KEY: 'hush-hush' }
    const read = () => readConfig([], { CUTTY_PORT: 'x', CUTTY_LOG: 'y', ...secrets })
    expect(read).toThrow(/CUTTY_PORT[^]*CUTTY_ADMIN_SECRET_ACCESS_KEY[^]*CUTTY_MASTER_KEY[^]*CUTTY_LOG/)
    expect(read).not.toThrow(/hush/)
  })

  test('refuses one half of the administrator’s key', () => {
    const problem = 'CUTTY_ADMIN_ACCESS_KEY_ID and CUTTY_ADMIN_SECRET_ACCESS_KEY go together'
    expect(() => readConfig([], { CUTTY_ADMIN_ACCESS_KEY_ID: 'ADMIN' })).toThrow(problem)
    expect(() => readConfig([], { CUTTY_ADMIN_SECRET_ACCESS_KEY: 'x'.repeat(16) })).toThrow(problem)
  })

  test('refuses variables and flags that it does not know', () => {
    expect(() => readConfig([], { CUTTY_PROT: '1' })).toThrow('CUTTY_PROT is not a setting')
    expect(() => readConfig(['--prot=1'], {})).toThrow('--prot')
    expect(() => readConfig(['serve'], {})).toThrow('serve')
    expect(() => readConfig(['--port'], {})).toThrow('--port')
    // Those of the command line, and of others, are none of its business.
    expect(readConfig([], { CUTTY_URL: 'x', CUTTY_TOKEN: 'x', PATH: 'x', cutty_port: '1' }).port).toBe(8787)
  })

  test.each([
    ['0', 0],
    ['4096', 4096],
    ['1k', 1000],
    ['1KiB', 1024],
    ['64MiB', 67_108_864],
    ['64mib', 67_108_864],
    ['1GB', 1_000_000_000],
    ['0.5 Ki', 512],
    ['2T', 2_000_000_000_000],
  ])('reads %s as %i bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })
})
