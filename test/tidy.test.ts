import { accessSync, constants, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { commands } from '../src/cli/commands/table.ts'
import { errorCodes } from '../src/core/errors.ts'
import { limits } from '../src/core/limits.ts'
import { version } from '../src/core/version.ts'
import { settings } from '../src/entry/config.ts'

/** The house rules that a machine can check. */
const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

const foreign =
  /(^|\/)(node_modules|dist|\.git|\.wrangler|\.vitest-cache)(\/|$)|^(bench\/tmp|data|\.data)(\/|$)/
const find = (pattern: string) =>
  globSync(pattern, { cwd: root, exclude: (path) => foreign.test(relative(root, join(root, path))) })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !foreign.test(path))
    .toSorted()

const sources = find('{src,test,bench,scripts,bin}/**/*.{ts,js}')
const pages = [...find('*.md'), ...find('{decisions,docs,bench}/**/*.md')]

describe('the import law', () => {
  const portable = ['node:buffer', 'node:crypto', 'node:zlib']
  /** What a layer may import: layers, modules of Node (`*` for all), packages. */
  const law: Record<string, { layers: string[]; node: string[]; packages: string[] }> = {
    core: { layers: ['core'], node: portable, packages: ['lru-cache'] },
    http: {
      layers: ['core', 'http'],
      node: portable,
      packages: ['@fastify/busboy', 'file-type', 'lru-cache', 'mime', 'saxes', 'zod'],
    },
    'http-cache': { layers: ['http-cache'], node: ['node:buffer', 'node:crypto'], packages: ['lru-cache'] },
    adapters: { layers: ['core'], node: ['*'], packages: [] },
    entry: { layers: ['core', 'http', 'adapters', 'entry'], node: ['*'], packages: ['cloudflare:workers'] },
    cli: { layers: ['cli'], node: ['*'], packages: [] },
  }
  /** Beyond the law, with the reason. */
  const allowed: Record<string, string> = {
    'src/cli/connection.ts → src/core/version.ts': 'tells the server which release talks to it',
    'src/cli/commands/version.ts → src/core/version.ts': 'prints it',
    'src/cli/reverse-proxy.ts → src/http-cache/index.ts': 'is what the proxy is made of',
    'src/cli/commands/db-folder.ts → src/entry/database-tools.ts': 'works on a data folder without a server',
    'src/cli/commands/serve.ts → src/entry/config.ts': 'the settings are its options',
    'src/cli/commands/serve.ts → src/entry/node.ts': 'is the server',
  }
  /** Adapters for Workers, and for every runtime, do without Node. */
  const withoutNode = ['cache-api', 'd1', 'kv', 'memory', 'r2']

  const imports = find('src/**/*.ts').flatMap((path) =>
    [...read(path).matchAll(/(?:^|\s)(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name]) => ({
      path,
      name: name as string,
      target: name?.startsWith('.') ? posix.join(dirname(path), name) : (name as string),
    })),
  )

  test('every file belongs to a layer', () => {
    expect([...new Set(find('src/**/*.ts').map(layerOf))].toSorted()).toEqual(Object.keys(law).toSorted())
  })

  test('layers import what they may', () => {
    const offences = imports.filter(({ path, name, target }) => {
      const { layers, node, packages } = law[layerOf(path)]!
      if (`${path} → ${target}` in allowed) return false
      if (name.startsWith('node:')) {
        if (withoutNode.includes(adapterOf(path) ?? '')) return true
        return !node.includes('*') && !node.includes(name)
      }
      if (!name.startsWith('.')) return !packages.includes(name)
      const sameAdapter = adapterOf(target) !== undefined && adapterOf(target) === adapterOf(path)
      return !sameAdapter && !layers.includes(layerOf(target))
    })
    expect(offences.map(({ path, name }) => `${path} imports ${name}`)).toEqual([])
  })

  test('what is allowed beyond is still needed', () => {
    const used = new Set(imports.map(({ path, target }) => `${path} → ${target}`))
    expect(Object.keys(allowed).filter((each) => !used.has(each))).toEqual([])
  })
})

describe('names and files', () => {
  /** With what to say instead. */
  const banned: Record<string, string> = {
    service: 'what it does',
    manager: 'what it does',
    util: 'the idea of the file',
    utils: 'the idea of the file',
    helper: 'what it does',
    helpers: 'the idea of the file',
    optimized: 'how it differs',
    optimised: 'how it differs',
    enhanced: 'how it differs',
  }
  /** Not ours to choose. */
  const named = new Set(['ServiceUnavailable'])

  test('no file and no declared name has a word that says nothing', () => {
    const declared = /\b(?:const|let|function|class|interface|type)\s+(\w+)|^\s*(?:readonly\s+)?(\w+)\??:/gm
    const found = sources.flatMap((path) => {
      const names = [
        path,
        ...read(path)
          .matchAll(declared)
          .map(([, name, member]) => name ?? (member as string)),
      ]
      // The table above.
      if (path === 'test/tidy.test.ts') return []
      return names
        .filter((name) => !named.has(name))
        .flatMap((name) =>
          wordsOf(name).flatMap((word) =>
            Object.hasOwn(banned, word) ? `${path}: ${name}, say ${banned[word]}` : [],
          ),
        )
    })
    expect(found).toEqual([])
  })

  test('no file is too long to be read at once', () => {
    const long = sources.flatMap((path) => {
      const lines = read(path).split('\n').length - 1
      // A contract is one list of sentences: more of them do not make it harder to read.
      return lines > (path.startsWith('test/') ? 500 : 400) ? `${path}: ${lines}` : []
    })
    expect(long).toEqual([])
  })

  test('nothing is left to do, and nothing has just any type', () => {
    // With brackets, or this file would offend.
    const unfinished = /\b(TO[D]O|FIXM[E]|XX[X])\b|^(?!\s*(\/?\*|\/\/)).*(: an[y]\b|\bas an[y]\b)/
    const found = sources.flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, index) => (unfinished.test(line) ? `${path}:${index + 1}: ${line.trim()}` : [])),
    )
    expect(found).toEqual([])
  })

  test('no test is skipped or alone without a condition', () => {
    const pattern = /\b(test|describe|it)\.(ski[p]|onl[y])\(/
    expect(sources.filter((path) => path.startsWith('test/') && pattern.test(read(path)))).toEqual([])
  })

  test('every adapter is run against a contract', () => {
    /** Folder → why it has none. */
    const without: Record<string, string> = {}
    const missing = readdirSync(join(root, 'src/adapters')).filter((folder) => {
      const tests = find(`test/adapters/${folder}/**/*.test.ts`)
      return !(folder in without) && !tests.some((path) => /from '[./]*\/contracts\//.test(read(path)))
    })
    expect(missing).toEqual([])
  })

  test('continuous integration can be run', () => {
    expect(() => accessSync(join(root, '.ci/run'), constants.X_OK)).not.toThrow()
    expect(read('.ci/run')).toContain('npm test')
  })
})

describe('the package', () => {
  test('has the version that the code says', () => {
    expect(version).toBe(packageJson.version)
    expect(read('CHANGELOG.md')).toContain(`\n## ${version}\n`)
  })

  test('pins every dependency', () => {
    const { dependencies, devDependencies, optionalDependencies } = packageJson
    const ranges = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter(
      ([, range]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range),
    )
    expect(ranges).toEqual([])
  })

  test('is locked without the address of a registry', () => {
    const lock = read('package-lock.json')
    expect(lock).not.toMatch(/"resolved":/)
    expect(lock).not.toMatch(/https?:\/\/[^"]*(registry|npmjs|mirror)/)
    expect((JSON.parse(lock) as { version: string }).version).toBe(version)
  })

  test('is locked for every platform: without that, npm ci refuses', () => {
    interface Locked {
      dependencies?: Record<string, string>
      optionalDependencies?: Record<string, string>
    }
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
    /** Where Node would look for it, from the folder up. */
    const isLocked = (folder: string, name: string): boolean => {
      if (`${folder}node_modules/${name}` in packages) return true
      return folder !== '' && isLocked(folder.slice(0, folder.lastIndexOf('node_modules/')), name)
    }
    const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies }).filter(
        (name) => !isLocked(path === '' ? '' : `${path}/`, name),
      ),
    )
    expect(missing).toEqual([])
  })
})

describe('the documents', () => {
  test('name every setting, limit, error and command', () => {
    const documented: Record<string, readonly string[]> = {
      'docs/reference/configuration.md': Object.values(settings).flatMap(({ env, flag }) => [
        env,
        `--${flag}`,
      ]),
      'docs/reference/limits.md': Object.keys(limits),
      'docs/reference/errors.md': Object.keys(errorCodes),
      'docs/reference/cli.md': commands.map(({ name }) => `\n## ${name}\n`),
    }
    const missing = Object.entries(documented).flatMap(([page, names]) => {
      const text = read(page)
      return names.filter((name) => !text.includes(name)).map((name) => `${page}: ${name}`)
    })
    expect(missing).toEqual([])
  })

  test('have a list of decisions that is whole', () => {
    const index = read('decisions/README.md')
    const unlisted = find('decisions/[0-9]*.md').filter(
      (path) => !index.includes(`(${posix.basename(path)})`),
    )
    expect(unlisted).toEqual([])
    for (const path of find('decisions/[0-9]*.md')) {
      const parts = read(path).match(/^## .*$/gm)
      expect({ path, parts }).toEqual({
        path,
        parts: ['## Context', '## Choice', '## Alternatives', '## Evidence', '## When to revisit'],
      })
    }
  })

  test('every rule that is cited exists', () => {
    const rules = new Set(read('docs/rules.md').match(/\bR\d+(?=\*\*)/g))
    const cited = sources.flatMap((path) =>
      [...read(path).matchAll(/(?<=\(|, |'|\*\/ )R\d{1,2}\b/g)].flatMap(([rule]) =>
        rules.has(rule) ? [] : `${path}: ${rule}`,
      ),
    )
    expect(rules.size).toBe(49)
    expect(cited).toEqual([])
  })

  test('links lead somewhere', () => {
    const broken = pages.flatMap((page) =>
      linksOf(read(page)).flatMap((link) => {
        if (/^[a-z]+:/.test(link)) return []
        const [file = '', anchor] = link.split('#')
        const target = file === '' ? page : posix.join(dirname(page), file)
        try {
          const found = anchor === undefined || anchorsOf(target).has(anchor)
          accessSync(join(root, target))
          return found ? [] : `${page}: ${link}`
        } catch {
          return `${page}: ${link}`
        }
      }),
    )
    expect(broken).toEqual([])
  })

  test('tell nothing about the machine they were written on', () => {
    const path = /(^|[\s`('"])(\/(work|home|root|Users)\/|\.\.\/shared\/)/m
    expect(pages.filter((page) => path.test(read(page)))).toEqual([])
  })

  test('ARCHITECTURE.md can be read in one go, and names files that exist', () => {
    const text = read('ARCHITECTURE.md')
    expect(text.split('\n').length).toBeLessThanOrEqual(201)
    const named = [...text.matchAll(/`((?:core|http|adapters|entry|cli)\/[\w./-]+\.ts)`/g)].map(
      ([, path]) => path,
    )
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((path) => find(`src/${path}`).length === 0)).toEqual([])
  })
})

function layerOf(path: string): string {
  return path.split('/')[1] as string
}

function adapterOf(path: string): string | undefined {
  return layerOf(path) === 'adapters' ? path.split('/')[2] : undefined
}

/** `readFileSync` → read, file, sync */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
}

/** Targets of links and images, outside of code. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^ *```[^]*?^ *```/gm, '').replace(/`[^`\n]*`/g, 'code')
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, link]) => link as string)
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of read(page)
    .replace(/^ *```[^]*?^ *```/gm, '')
    .matchAll(/^#+ +(.*)$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    anchors.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return anchors
}
