import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { commands } from '../../src/cli/commands/table.ts'
import { parseLines, runCutty, startListener } from './cutty.ts'

const text = ({ stdout }: { stdout: Buffer }) => stdout.toString()

describe('help', () => {
  test('no command, --help and help show every command', async () => {
    const outcomes = await Promise.all([[], ['--help'], ['help']].map((args) => runCutty(args)))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ code: 0, stderr: '' })
      for (const { name, summary } of commands) {
        expect(text(outcome)).toContain(name)
        expect(text(outcome)).toContain(summary)
      }
    }
  })

  test('help of a group, of a command, and --help anywhere', async () => {
    expect(text(await runCutty(['help', 'keys']))).toMatch(/keys list[^]*keys create[^]*keys revoke/)
    const help = text(await runCutty(['help', 'files', 'put']))
    expect(help).toContain('cutty files put <local> <bucket/key> [options]')
    expect(help).toContain('--create-only')
    expect(text(await runCutty(['files', 'put', '--help']))).toBe(help)
    // What is required is not asked of who asks for help.
    expect(text(await runCutty(['users', 'create', '-h']))).toContain('--email <address>')
    expect(text(await runCutty(['serve', '--help']))).toContain('CUTTY_MASTER_KEY')
  })

  test('help --json is the table', async () => {
    const names = parseLines<{ name: string }>((await runCutty(['help', '--json'])).stdout)
    expect(names.map(({ name }) => name)).toEqual(commands.map(({ name }) => name))
  })

  test('the version is that of the package', async () => {
    expect(text(await runCutty(['version']))).toContain(`cutty ${packageJson.version},`)
    expect(text(await runCutty(['--version']))).toContain(`cutty ${packageJson.version},`)
    const [json] = parseLines((await runCutty(['version', '--json'])).stdout)
    expect(json).toEqual({ version: packageJson.version, node: process.versions.node })
  })
})

describe('what cannot be understood ends with 2 and says what could be', () => {
  test.each([
    [['usres'], 'Did you mean “users”?'],
    [['users', 'craete'], 'Did you mean “users create”?'],
    [['users'], '“users” needs one of: list, create, disable, enable.'],
    [['help', 'bukets'], 'Did you mean “buckets”?'],
    [['xyzzyxyzzy'], 'There are: serve, files,'],
    [['--json'], 'Which command?'],
    [['users', 'create', '--nmae', 'x'], 'Did you mean --name?'],
    [['users', 'create', '--name', 'x'], 'needs --email <address>'],
    [
      ['users', 'create', '--name', 'x', '--email', 'y', '--role', 'root'],
      'must be user or admin, not “root”',
    ],
    [['users', 'list', 'everybody'], 'does not take “everybody”'],
    [['users', 'disable'], 'needs <user>'],
    [['users', 'create', '--name'], "'--name <value>' argument missing"],
    [['version', '--json=yes'], 'does not take an argument'],
    [['version', '--url', 'http://x'], 'has no option --url'],
    [['files', 'get', 'bucket'], 'names no file'],
    [['files', 'get', '/key'], 'names no bucket'],
    [['files', 'get', 'bucket/..'], 'say where to put it'],
    [['files', 'put', '-', 'bucket/'], 'Standard input has no name'],
    [['files', 'list', 'bucket', '--limit', '0'], 'must be a whole number from 1'],
    [['tokens', 'create', '--expires-in', '1 fortnight'], 'must be a duration'],
    [['tokens', 'create', '--expires-in', '0d'], 'must be a duration'],
    [['serve', '--prot', '1'], 'Did you mean --port?'],
    [['serve', '--port', 'eighty'], '--port must be a whole number'],
  ])('%j', async (args, message) => {
    const outcome = await runCutty(args)
    expect(outcome.stderr).toContain(message)
    expect(outcome).toMatchObject({ code: 2, stdout: Buffer.alloc(0) })
  })

  test.each([
    [{ CUTTY_URL: 'localhost:8787' }, 'CUTTY_URL must be an http or https URL'],
    [{ CUTTY_URL: 'http://id:secret@localhost' }, 'must not hold credentials'],
    [{ CUTTY_ACCESS_KEY_ID: 'A' }, 'go together'],
    [{ CUTTY_SECRET_ACCESS_KEY: 'A' }, 'go together'],
    [{ CUTTY_TOKEN: 'A', CUTTY_ACCESS_KEY_ID: 'A', CUTTY_SECRET_ACCESS_KEY: 'A' }, 'are both set'],
    [{ CUTTY_TOKEN: 'a\nb' }, 'characters that it cannot have'],
  ])('environment %j', async (env: Record<string, string>, message) => {
    const outcome = await runCutty(['buckets', 'list'], { env })
    expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string })
    expect(outcome.stderr).not.toContain('secret@')
  })

  test('with --json the error is JSON too', async () => {
    const { code, stderr } = await runCutty(['users', 'create', '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(stderr)).toEqual({ error: { code: 'usage', detail: expect.any(String) as string } })
  })
})

describe('a server that is none', () => {
  test('nothing listens', async () => {
    const listener = await startListener(() => {})
    await listener.stop()
    const outcome = await runCutty(['buckets', 'list', '--url', listener.url])
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nothing listens there') as string,
    })
  })

  test('it hangs up', async () => {
    const listener = await startListener(({ socket }) => socket.destroy())
    const outcome = await runCutty(['buckets', 'list'], { env: { CUTTY_URL: listener.url } })
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('connection was closed') as string,
    })
    await listener.stop()
  })

  test.each([
    [502, 'text/html', '<h1>Bad Gateway</h1>', 'answered 502 Bad Gateway, and not as a cutty'],
    [302, 'text/plain', '', 'answered 302 Found, and not as a cutty'],
    [200, 'text/html', '<h1>Hello</h1>', 'answer is not JSON'],
    [500, 'application/problem+json', '{"det', 'answered 500'],
  ])('it answers %d %s %j', async (status, type, body, message) => {
    const listener = await startListener((_, response) =>
      response.writeHead(status, { 'Content-Type': type }).end(body),
    )
    const outcome = await runCutty(['buckets', 'list'], { env: { CUTTY_URL: listener.url } })
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining(message) as string })
    await listener.stop()
  })

  test('a URL may have a path of its own, as behind a proxy', async () => {
    const paths: unknown[] = []
    const listener = await startListener(({ url }, response) => {
      paths.push(url)
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"buckets":[],"next":null}')
    })
    await runCutty(['buckets', 'list'], { env: { CUTTY_URL: `${listener.url}/store/` } })
    expect(paths).toEqual(['/store/api/v1/buckets'])
    await listener.stop()
  })
})
