import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codecs } from '../../../src/core/compression/codecs.ts'
import { CuttyError } from '../../../src/core/errors.ts'
import { parseCompressionHeader } from '../../../src/http/headers/compression.ts'

function refusalOf(value: string): CuttyError {
  try {
    parseCompressionHeader(value)
  } catch (error) {
    return error as CuttyError
  }
  throw new Error(`${JSON.stringify(value)} was taken`)
}

describe('X-Cutty-Compression', () => {
  test('says nothing where it is not sent', () => {
    expect(parseCompressionHeader(undefined)).toBeUndefined()
  })

  test.each(['auto', 'off'])('%s has no level', (mode) => {
    expect(parseCompressionHeader(mode)).toMatchObject({ mode })
    expect(parseCompressionHeader(`\t ${mode} `)).toMatchObject({ mode })
    expect(refusalOf(`${mode};level=1`).message).toBe(`X-Cutty-Compression: ${mode} has no levels.`)
  })

  test.each(Object.values(codecs))('$name takes its levels, and none beyond', ({ name, levels }) => {
    expect(parseCompressionHeader(name)).toMatchObject({ mode: name })
    for (let level = 0; level <= 99; level++) {
      for (const value of [`${name};level=${level}`, ` ${name}; \tlevel=${level}\t`]) {
        if (level >= levels.min && level <= levels.max) {
          expect(parseCompressionHeader(value)).toEqual({ mode: name, level })
          continue
        }
        const bounds = `${levels.min} to ${levels.max}`
        expect(refusalOf(value).message).toBe(`X-Cutty-Compression: ${name} has the levels ${bounds}.`)
      }
    }
  })

  test('leaves size and gain to the bucket, whoever chooses the codec', () => {
    for (const value of ['auto', 'off', 'zstd', 'gzip;level=3']) {
      const given = Object.keys(parseCompressionHeader(value) ?? {})
      expect(['mode', 'level']).toEqual(expect.arrayContaining(given))
    }
  })

  test.each([
    '',
    ' ',
    ';level=3',
    'ZSTD',
    'Auto',
    'br',
    'x-gzip',
    'identity',
    'zstd ;level=3',
    'zstd;Level=3',
    'zstd;level',
    'zstd;level=',
    'zstd;level=+3',
    'zstd;level=3.0',
    'zstd;level="3"',
    'zstd;level=003',
    'zstd;level=3;',
    'zstd;level=3;level=3',
    'zstd;speed=1',
    'zstd,gzip',
    'zstd gzip',
    'zstd\n',
    'zstd\0',
    'żstd',
    'hasOwnProperty',
    'constructor',
    'toString;level=1',
  ])('refuses %j, and says what is accepted', (value) => {
    const error = refusalOf(value)
    expect(error).toBeInstanceOf(CuttyError)
    expect(error.code).toBe('invalid_request')
    for (const mode of ['auto', 'off', ...Object.keys(codecs)]) expect(error.message).toContain(mode)
    expect(error.message).toContain('level=N')
  })

  test('takes what it takes, and refuses the rest, whatever it is; a hostile value takes no long', () => {
    const modes = ['auto', 'off', ...Object.keys(codecs)]
    const part = fc.constantFrom(...modes, ';', 'level', '=', '0', '1', '9', '19', ' ', '\t', ',', 'x', 'é')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
        ),
        (value) => {
          const [mode = '', parameter, ...more] = value.split(';')
          const digits = parameter === undefined ? [] : /^[ \t]*level=(\d{1,2})[ \t]*$/.exec(parameter)
          const name =
            parameter === undefined
              ? mode.replaceAll(/^[ \t]+|[ \t]+$/g, '')
              : mode.replaceAll(/^[ \t]+/g, '')
          const levels = codecs[name as keyof typeof codecs]?.levels as
            | { min: number; max: number }
            | undefined
          const level = Number(digits?.[1])
          const isRight =
            more.length === 0 &&
            modes.includes(name) &&
            (parameter === undefined || (!!digits && !!levels && level >= levels.min && level <= levels.max))
          if (isRight) expect(parseCompressionHeader(value)?.mode).toBe(name)
          else expect(refusalOf(value).code).toBe('invalid_request')
        },
      ),
      { seed: 26, numRuns: 2000 },
    )
    for (const [before, repeated] of [
      ['', ' '],
      ['', 'z'],
      ['zstd;', ' '],
      ['zstd;level=3', ' '],
      ['zstd;level=', '3'],
    ] as const) {
      expect(refusalOf(`${before}${repeated.repeat(200_000)}\0`).code).toBe('invalid_request')
    }
  })
})
