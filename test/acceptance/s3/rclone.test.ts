/** rclone 1.60.1 of Debian 12. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canRun, isEverythingPromised, named } from '../clients/programs.ts'
import { expectFiles, type Round, startRound } from './round.ts'

const absent = !canRun('rclone', ['version']) && !isEverythingPromised

describe.skipIf(absent)(named('rclone', absent), () => {
  let round: Round
  const rclone = async (...args: string[]) => {
    const env = {
      RCLONE_CONFIG: join(round.folder, 'rclone.conf'),
      RCLONE_CONFIG_CUTTY_TYPE: 's3',
      RCLONE_CONFIG_CUTTY_PROVIDER: 'Other',
      RCLONE_CONFIG_CUTTY_ENV_AUTH: 'true',
      RCLONE_CONFIG_CUTTY_ENDPOINT: round.url,
      RCLONE_S3_UPLOAD_CUTOFF: '8M',
    }
    const { stdout, stderr } = await round.run('rclone', args, { env })
    return stdout.toString() + stderr
  }
  beforeAll(async () => {
    round = await startRound()
    await writeFile(join(round.folder, 'rclone.conf'), '')
  })
  afterAll(() => round.stop())

  test('syncs a folder up, checks it by hash, and syncs it down', async () => {
    await rclone('mkdir', 'cutty:rclone-round')
    await rclone('sync', round.source, 'cutty:rclone-round/tree')
    expect(await rclone('check', round.source, 'cutty:rclone-round/tree')).toContain('0 differences found')
    expect(await rclone('check', '--download', round.source, 'cutty:rclone-round/tree')).toContain(
      '0 differences found',
    )
    await rclone('sync', 'cutty:rclone-round/tree', join(round.folder, 'down'))
    await expectFiles(join(round.folder, 'down'), round.files)
    expect(await rclone('sync', '-v', round.source, 'cutty:rclone-round/tree')).toContain(
      'There was nothing to transfer',
    )
  })

  test('syncs a deletion, copies and moves on the server, and reads a part', async () => {
    await rm(join(round.folder, 'down', 'folder'), { recursive: true })
    await rclone('sync', join(round.folder, 'down'), 'cutty:rclone-round/tree')
    expect(await rclone('lsf', '-R', 'cutty:rclone-round/tree')).not.toContain('folder')
    await rclone('copyto', 'cutty:rclone-round/tree/plain.txt', 'cutty:rclone-round/copy of it')
    await rclone('moveto', 'cutty:rclone-round/copy of it', 'cutty:rclone-round/moved')
    expect(await rclone('cat', '--offset', '2', '--count', '4', 'cutty:rclone-round/moved')).toBe('line')
    const url = (await rclone('link', '--expire', '1h', 'cutty:rclone-round/moved')).trim()
    expect((await fetch(url)).status).toBe(200)
  })

  test('deletes all of it', async () => {
    await rclone('purge', 'cutty:rclone-round')
    expect(await rclone('lsd', 'cutty:')).not.toContain('rclone-round')
  })
})
