import { describe, expect, test } from 'vitest'
import { createSecretBox } from '../../src/core/accounts/secret-box.ts'

const keyOf = (text: string) => new TextEncoder().encode(text)

describe('secret box', () => {
  const box = createSecretBox(keyOf('one master key'))

  test.each(['', 'secret', 'ünïcode 😀', 'x'.repeat(10_000)])('opens what it sealed: %#', (secret) => {
    expect(box.open(box.seal(secret, 'id'), 'id')).toBe(secret)
    // By another box of the same key, as after a restart.
    expect(createSecretBox(keyOf('one master key')).open(box.seal(secret, 'id'), 'id')).toBe(secret)
  })

  test('never seals twice alike, and shows nothing of the secret', () => {
    const sealed = Array.from({ length: 100 }, () => Buffer.from(box.seal('secret', 'id')).toString('latin1'))
    expect(new Set(sealed).size).toBe(100)
    expect(sealed.some((text) => text.includes('secret'))).toBe(false)
  })

  test('does not open with another master key, or for another id', () => {
    const sealed = box.seal('secret', 'id')
    expect(() => createSecretBox(keyOf('another')).open(sealed, 'id')).toThrow()
    for (const id of ['', 'ID', 'id ', 'other']) expect(() => box.open(sealed, id)).toThrow()
  })

  test('does not open when any bit is another, or any byte is missing', () => {
    const sealed = box.seal('secret', 'id')
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const tampered = new Uint8Array(sealed)
      tampered[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => box.open(tampered, 'id'), `bit ${bit}`).toThrow()
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => box.open(sealed.subarray(0, length), 'id'), `${length} bytes`).toThrow()
    }
    expect(() => box.open(new Uint8Array([...sealed, 0]), 'id')).toThrow()
  })
})
