/** restic 0.14.0 of Debian 12. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canRun, isEverythingPromised, named } from '../clients/programs.ts'
import { expectFiles, type Round, startRound } from './round.ts'

const absent = !canRun('restic', ['version']) && !isEverythingPromised

describe.skipIf(absent)(named('restic', absent), () => {
  let round: Round
  const restic = async (...args: string[]) => {
    const env = { RESTIC_REPOSITORY: `s3:${round.url}/restic-round`, RESTIC_PASSWORD: 'of no use elsewhere' }
    return (await round.run('restic', args, { env })).stdout.toString()
  }
  beforeAll(async () => {
    round = await startRound()
  })
  afterAll(() => round.stop())

  test('backs up, checks all that it stored, restores, forgets and prunes', async () => {
    await restic('init')
    await restic('backup', '--quiet', round.source)
    await restic('backup', '--quiet', round.source)
    expect(await restic('check', '--read-data')).toContain('no errors were found')
    const target = join(round.folder, 'restored')
    await restic('restore', 'latest', '--target', target)
    await expectFiles(join(target, round.source), round.files)
    await restic('forget', '--keep-last', '1', '--prune')
    expect(JSON.parse(await restic('snapshots', '--json'))).toHaveLength(1)
    expect(await restic('check')).toContain('no errors were found')
  })
})
