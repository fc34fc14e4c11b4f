/** Whole numbers below `sides`, from a seed. */
export type Dice = (sides: number) => number

export function pick<T>(dice: Dice, items: readonly T[]): T {
  return items[dice(items.length)]!
}

const letters = '0123456789abcdefAFZz%/+&=;, .~-_*TX?#:"$<>é'

/** Changes one character: replaces, removes, inserts, doubles it, cuts it off, turns its case, or swaps it with the next. */
export function mutateText(text: string, dice: Dice): string {
  const at = dice(Math.max(1, text.length))
  const [before, character, after] = [text.slice(0, at), text.charAt(at), text.slice(at + 1)]
  const other = letters.charAt(dice(letters.length))
  switch (dice(8)) {
    case 0:
    case 1:
      return before + other + after
    case 2:
      return before + after
    case 3:
      return before + other + character + after
    case 4:
      return before + character + character + after
    case 5:
      return text.slice(0, text.length - 1 - dice(3))
    case 6:
      return before + swapCase(character) + after
    default:
      return before + after.slice(0, 1) + character + after.slice(1)
  }
}

function swapCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase()
}

const digits = '0123456789abcdef'

/** Changes a signature or a hash so that it is another one, most often still of the same form. */
export function mutateHex(hex: string, dice: Dice): string {
  const at = dice(hex.length)
  switch (dice(8)) {
    case 0:
      return '0'.repeat(hex.length)
    case 1:
      return hex.slice(0, -1 - dice(4))
    case 2:
      return `${hex}${digits[dice(16)]}`
    case 3:
      return hex.toUpperCase()
    case 4:
      return hex.slice(1) + hex.slice(0, 1)
    default: {
      const digit = digits[(Number.parseInt(hex.charAt(at), 16) + 1 + dice(15)) % 16]!
      return hex.slice(0, at) + digit + hex.slice(at + 1)
    }
  }
}
