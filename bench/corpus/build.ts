/**
 * Builds the corpus: packages of the npm registry, each at one version and with its digest, and generated files. Fails when
 * the result is not what `manifest.json` says; `--write` writes that file instead, after a change of the sources.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { corpusFolder, readCorpus, readManifest, summarise } from './corpus.ts'
import { generatedFiles, generateFile } from './generate.ts'
import { type Source, sources } from './sources.ts'

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** The files of one package that are wanted, from `unpacked` into `corpus`. */
function take(source: Source, unpacked: string, corpus: string): void {
  let taken = 0
  for (const entry of readdirSync(unpacked, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const full = join(entry.parentPath, entry.name)
    const path = full.slice(unpacked.length + 1).replaceAll('\\', '/')
    const kind = source.take.find(({ match }) => match.test(path))?.kind
    if (kind === undefined) continue
    cpSync(full, join(corpus, kind, source.name.replace('/', '-'), path))
    taken++
  }
  if (taken === 0) throw new Error(`nothing of ${source.name} is wanted`)
  say(`${source.name}@${source.version}: ${taken} files`)
}

function fetchPackage(source: Source, work: string): string {
  const args = ['pack', `${source.name}@${source.version}`, '--silent', '--pack-destination', work]
  const printed = execFileSync('npm', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: work,
  })
  const archive = join(work, printed.trim().split('\n').at(-1) as string)
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
  if (integrity !== source.integrity) throw new Error(`${source.name}@${source.version} is ${integrity}`)
  const unpacked = join(work, 'unpacked', source.name)
  mkdirSync(unpacked, { recursive: true })
  execFileSync('tar', ['-xzf', archive, '-C', unpacked, '--strip-components=1'])
  return unpacked
}

const work = mkdtempSync(join(tmpdir(), 'corpus-'))
try {
  const fresh = `${corpusFolder}.new`
  rmSync(fresh, { recursive: true, force: true })
  for (const source of sources) take(source, fetchPackage(source, work), fresh)
  for (const file of generatedFiles) {
    const path = join(fresh, file.path)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, generateFile(file))
  }
  const manifest = summarise(readCorpus(fresh))
  if (values.write) {
    writeFileSync(join(import.meta.dirname, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  } else if (manifest.sha256 !== readManifest().sha256) {
    throw new Error(`the corpus has digest ${manifest.sha256}, not ${readManifest().sha256}`)
  }
  rmSync(corpusFolder, { recursive: true, force: true })
  renameSync(fresh, corpusFolder)
  const kinds = manifest.kinds.length
  say(
    `${manifest.files} files of ${kinds} kinds, ${(manifest.bytes / 2 ** 20).toFixed(1)} MiB: ${corpusFolder}`,
  )
} finally {
  rmSync(work, { recursive: true, force: true })
}
