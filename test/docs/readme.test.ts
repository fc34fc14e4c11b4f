import { describe, expect, test } from 'vitest'
import { readGuide, testCommands } from './guide.ts'

const readme = readGuide('README.md')

describe('the README', () => {
  test('has ten lines of use', () => {
    expect(readme.blocks).toHaveLength(1)
    expect(readme.lines).toHaveLength(10)
  })

  testCommands('its lines do what they say', readme, {
    check({ printed }) {
      const json = (line: number) => JSON.parse(printed[line] as string) as Record<string, unknown>
      expect(json(0)).toMatchObject({ name: 'notes', visibility: 'private' })
      expect(json(2)).toMatchObject({
        key: '2026/hello.txt',
        sizeBytes: 19,
        contentType: 'text/plain; charset=utf-8',
      })
      expect(printed[3]).toBe('Hello, file store.')
      expect(printed[4]).toBe('file')
      expect(json(5)).toMatchObject({ files: [{ key: 'hello.txt' }, { key: 'again.txt' }] })
      expect(json(6)).toMatchObject({
        files: [{ key: 'again.txt' }, { key: 'hello.txt' }],
        commonPrefixes: ['2026/'],
      })
      expect(json(7)).toMatchObject({ visibility: 'public' })
      expect(printed[8]).toBe('Hello, file store.')
      expect(printed[9]).toBe('')
    },
  })
})
