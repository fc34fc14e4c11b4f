/**
 * `npm run worker`: the application on workerd, with local R2, D1, KV and Cache, kept in `.wrangler/state`. Makes the
 * secrets on the first run, applies migrations, then runs `wrangler dev` until Ctrl-C.
 */
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { newKeyPair } from '../src/core/accounts/credentials.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: process.env['CUTTY_PORT'] ?? '8787' },
    // The folder holds the secrets too: another folder is another, separate store.
    state: { type: 'string', default: '.wrangler/state' },
    secrets: { type: 'string', default: '.dev.vars' },
  },
})

const env = {
  ...process.env,
  WRANGLER_SEND_METRICS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  CI: 'true',
}

if (!existsSync(values.secrets)) {
  const { accessKeyId, secretAccessKey } = newKeyPair()
  const lines = [
    `CUTTY_MASTER_KEY=${randomBytes(32).toString('base64')}`,
    `CUTTY_ADMIN_ACCESS_KEY_ID=${accessKeyId}`,
    `CUTTY_ADMIN_SECRET_ACCESS_KEY=${secretAccessKey}`,
  ]
  writeFileSync(values.secrets, `${lines.join('\n')}\n`, { mode: 0o600 })
  console.error(`The administrator’s access key, kept in ${values.secrets}:`)
  console.error(`  access key id      ${accessKeyId}\n  secret access key  ${secretAccessKey}`)
}

for (const binding of ['DB', 'ACCESS_LOG']) {
  const migrated = spawnSync(
    'wrangler',
    ['d1', 'migrations', 'apply', binding, '--local', '--persist-to', values.state],
    { env, encoding: 'utf8' },
  )
  if (migrated.status !== 0) {
    console.error(migrated.error?.message ?? migrated.stdout + migrated.stderr)
    process.exit(1)
  }
}

const args = ['dev', '--ip', '127.0.0.1', '--port', values.port, '--persist-to', values.state]
const secrets = readFileSync(values.secrets, 'utf8')
  .trim()
  .split('\n')
  .flatMap((line) => ['--var', line.replace('=', ':')])
const wrangler = spawn('wrangler', [...args, ...(values.secrets === '.dev.vars' ? [] : secrets)], {
  env,
  stdio: ['ignore', 'inherit', 'inherit'],
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => wrangler.kill(signal))
wrangler.on('exit', (code) => process.exit(code ?? 0))
