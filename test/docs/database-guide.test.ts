import { describe, expect, test } from 'vitest'
import { commands } from '../../src/cli/commands/table.ts'
import { inconsistencies, pragmaChecks } from '../../src/adapters/sqlite/inconsistencies.ts'
import { readGuide, testCommands } from './guide.ts'

const guide = readGuide('docs/guides/database.md')

describe('the guide to the database', () => {
  test('says of each kind of damage what to do', () => {
    const kinds = [...pragmaChecks(false), ...inconsistencies(() => true)].map(({ kind }) => kind)
    for (const kind of [...kinds, 'missing_blob', 'blob_size', 'content']) {
      expect(guide.text).toContain(`\`${kind}\``)
    }
  })

  test('names the commands of a data folder, and no option that there is not', () => {
    const names = ['migrate', 'status', 'backup', 'restore', 'check'].map((name) => `db ${name}`)
    for (const name of names) expect(guide.text).toContain(`\`cutty ${name}\``)
    const options = commands
      .filter(({ name }) => names.includes(name))
      .flatMap((command) => Object.keys(command.options))
    for (const [, option = ''] of guide.text.matchAll(/`--([a-z-]+)`/g))
      expect([...options, 'json']).toContain(option)
  })

  testCommands('its commands do what it says', guide, {
    files: { 'beach.jpg': new Uint8Array(40_000).fill(7) },
    check({ of, printed }) {
      expect(of('cutty db status')).toMatch(/^files +1$/m)
      expect(printed[3]).toMatch(/^blobs +1, .*; 1 of them new/m)
      expect(printed[4]).toMatch(/^blobs +1, .*; 0 of them new/m)
      expect(of('cutty db restore')).toContain('restored is what it was at')
      expect(of('cutty db check')).toContain('All is as it should be.')
      expect(of('cutty db migrate')).toBe('Nothing to apply.')
    },
  })
})
