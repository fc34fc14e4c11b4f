import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { accessKey } from '../../../bench/harness/subject.ts'
import { openApplication } from '../../../bench/signing/application.ts'
import { describeFinding, fuzzClock, runFuzz } from '../../../bench/signing/fuzz.ts'

/** Of the fuzzer of `bench/signing`: what it finds says how it is run again, alone. */
const seed = 53
const cases = 5_000

describe('R37, R40, R41: what was changed after it was signed', () => {
  test('is refused, does no harm and stores nothing: requests, URLs, chunks, forms', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cutty-fuzz-'))
    const application = await openApplication(folder, { clock: fuzzClock })
    try {
      const result = await runFuzz({ ...application, accessKey, seed, cases })
      expect(result.findings.map((finding) => describeFinding(finding, result))).toEqual([])
      expect(result).toMatchObject({ accepted: 0, crashed: 0, stored: 0, noS3Error: 0 })
      // It reaches what it is for.
      expect(result.refused).toBeGreaterThan(cases * 0.8)
      expect(result.alikeAccepted).toBeGreaterThan(cases * 0.02)
      expect(Object.keys(result.codes)).toEqual(
        expect.arrayContaining([
          '403 SignatureDoesNotMatch',
          '403 AccessDenied',
          '400 XAmzContentSHA256Mismatch',
          '400 IncompleteBody',
          '400 MalformedTrailerError',
          '400 InvalidPolicyDocument',
          '400 EntityTooLarge',
          '400 EntityTooSmall',
        ]),
      )
    } finally {
      await application.close()
      await rm(folder, { recursive: true })
    }
  })
})
