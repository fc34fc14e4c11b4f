/** A number of zero or more with two digits after the point, from whole numbers: to print a fraction takes V8 five times as long. */
export function hundredths(value: number): string {
  const count = Math.round(value * 100)
  const rest = count % 100
  return `${(count - rest) / 100}.${rest < 10 ? '0' : ''}${rest}`
}
