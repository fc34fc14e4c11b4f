import { limits } from '../../core/limits.ts'
import { S3Error } from './s3-error.ts'

/** S3 takes any number that fits into 32 bits, and makes of it what it can. */
const argumentMax = 2_147_483_647

/** How many entries of a page are asked for, or after which number: `none` where nothing is said, and never more than `most`. */
export function pageLimit(
  name: string,
  text: string | undefined,
  { none = limits.listPageMax, most = limits.listPageMax }: { none?: number; most?: number } = {},
): number {
  if (text === undefined || text === '') return none
  const value = Number(text)
  if (/^\d{1,15}$/.test(text) && value <= argumentMax) return Math.min(value, most)
  throw new S3Error('InvalidArgument', `Argument ${name} must be an integer between 0 and ${argumentMax}`, {
    elements: { ArgumentName: name, ArgumentValue: text },
  })
}
