import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, type FormatConfig } from 'oxfmt'
import { apiReference, openApiJson } from './generate-docs/api.ts'
import { cliReference } from './generate-docs/cli.ts'
import { configurationReference } from './generate-docs/configuration.ts'
import { errorReference } from './generate-docs/errors.ts'
import { indexReference } from './generate-docs/indexes.ts'
import { limitReference } from './generate-docs/limits.ts'
import { s3Reference } from './generate-docs/s3.ts'

/**
 * Writes `docs/reference` out of the tables that the code runs on, so that neither can differ from the other. With
 * `--check`, writes nothing and fails when a file is not what it would be.
 */
const root = join(import.meta.dirname, '..')
const folder = join(root, 'docs/reference')

const documents: Readonly<Record<string, () => Promise<string>>> = {
  'configuration.md': configurationReference,
  'api.md': apiReference,
  'openapi.json': openApiJson,
  'errors.md': errorReference,
  'limits.md': limitReference,
  'cli.md': cliReference,
  's3.md': s3Reference,
  'indexes.md': indexReference,
}

const notice =
  '<!-- Made by scripts/generate-docs.ts: change the code, then run `node scripts/generate-docs.ts`. -->'

async function render(name: string, make: () => Promise<string>): Promise<string> {
  const text = await make()
  if (!name.endsWith('.md')) return `${text}\n`
  const options = JSON.parse(readFileSync(join(root, '.oxfmtrc.json'), 'utf8')) as FormatConfig
  const { code, errors } = await format(name, `${notice}\n\n${text}\n`, options)
  if (errors.length > 0) throw new Error(`${name} cannot be formatted: ${JSON.stringify(errors)}`)
  return code
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const check = process.argv.includes('--check')
const stale: string[] = []
mkdirSync(folder, { recursive: true })
for (const [name, make] of Object.entries(documents)) {
  const path = join(folder, name)
  const text = await render(name, make)
  if (readIfPresent(path) === text) continue
  stale.push(name)
  if (!check) writeFileSync(path, text)
}
if (stale.length > 0) console.log(`${check ? 'Stale' : 'Written'}: ${stale.join(', ')}`)
if (check && stale.length > 0) {
  console.error('Run `node scripts/generate-docs.ts` and commit what it writes.')
  process.exitCode = 1
}
