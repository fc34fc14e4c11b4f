import { expect, test } from 'vitest'
import { commands } from '../../src/cli/commands/table.ts'
import { adviceKinds } from '../../src/core/database-advice/advice.ts'
import { readGuide } from './guide.ts'

const guide = readGuide('docs/guides/database-stats.md')

test('the guide to statistics says what each kind of advice means', () => {
  for (const kind of Object.keys(adviceKinds)) expect(guide.text).toContain(`| \`${kind}\``)
})

test('the guide to statistics names no option that there is not', () => {
  const named = commands.filter(({ name }) => name === 'db stats' || name === 'db advise')
  const options = named.flatMap(({ options: own }) => Object.keys(own))
  for (const [, option = ''] of guide.text.matchAll(/ --([a-z][a-z-]*)/g))
    expect([...options, 'json']).toContain(option)
})
