/** boto3 1.26.27 of Debian 12, under Debian's Python; whatever `python3` has elsewhere. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canRun, isEverythingPromised, named } from '../clients/programs.ts'
import { expectFiles, type Round, startRound } from './round.ts'

const python = ['/usr/bin/python3', 'python3'].find((each) => canRun(each, ['-c', 'import boto3']))
const absent = python === undefined && !isEverythingPromised

describe.skipIf(absent)(named('boto3', absent), () => {
  let round: Round
  beforeAll(async () => {
    round = await startRound()
  })
  afterAll(() => round.stop())

  test('makes the whole round', async () => {
    const down = join(round.folder, 'down')
    const script = join(import.meta.dirname, 'boto3-round.py')
    const { stdout } = await round.run(python ?? 'python3', [script, round.url, round.source, down])
    await expectFiles(down, round.files)
    expect(stdout.toString().trim().split('\n').at(-1)).toBe('done')
  })
})
