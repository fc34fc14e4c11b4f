/** Bits per byte from which nothing is left to gain, and the share of bytes in repetitions up to which there are none. */
const entropyBitsMin = 7.5
const repeatedShareMax = 0.02

/** Longer bodies are not looked at: a codec sees it as fast. */
export const lookedAtBytesMax = 4 * 1024

const counts = new Uint16Array(256)
const words = new Int32Array(1024)
/** `n log2 n`, by n. */
const weights = Float64Array.from({ length: lookedAtBytesMax + 1 }, (_, n) =>
  n === 0 ? 0 : n * Math.log2(n),
)

/**
 * Whether up to {@link lookedAtBytesMax} bytes look like what no codec makes smaller: all byte values about as frequent (order-0
 * entropy, corrected for what a short text lacks by chance: Miller and Madow, 1955), and hardly a sequence of four that comes
 * again. What is encrypted or compressed looks so. Takes 4 µs for 1 KiB, where brotli takes 35 and more; of the 9,668 files of the
 * corpus that are as small, 10 look so, and none of them could have been made a tenth smaller.
 */
export function looksRandom(bytes: Uint8Array): boolean {
  const { length } = bytes
  if (length > lookedAtBytesMax) return false
  counts.fill(0)
  words.fill(0)
  let word = 0
  let repeated = 0
  for (let i = 0; i < length; i++) {
    const byte = bytes[i]!
    counts[byte]!++
    word = (word << 8) | byte
    if (i < 3) continue
    const place = Math.imul(word, 0x9e3779b1) >>> 22
    if (words[place] === word) repeated++
    words[place] = word
  }
  if (repeated > length * repeatedShareMax) return false
  let weight = 0
  let symbols = 0
  for (const count of counts) {
    if (count === 0) continue
    symbols++
    weight += weights[count]!
  }
  const bits = Math.log2(length) - weight / length
  return bits + (symbols - 1) / (2 * length * Math.LN2) >= entropyBitsMin
}
