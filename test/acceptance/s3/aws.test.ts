/** AWS CLI: 2.9.19 of Debian 12 there, whatever is first on the PATH elsewhere. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canRun, isEverythingPromised, named } from '../clients/programs.ts'
import { expectFiles, type Round, sortedNames, startRound } from './round.ts'

const absent = !canRun('aws', ['--version']) && !isEverythingPromised

describe.skipIf(absent)(named('AWS CLI', absent), () => {
  let round: Round
  const aws = async (...args: string[]) =>
    (await round.run('aws', ['--endpoint-url', round.url, ...args])).stdout.toString()
  const api = async (...args: string[]) =>
    JSON.parse((await aws('s3api', ...args, '--output', 'json')) || '{}') as Record<string, unknown>
  beforeAll(async () => {
    round = await startRound()
    // Version 1 of it signs links by the old Signature Version 2 otherwise.
    await round.run('aws', ['configure', 'set', 'default.s3.signature_version', 's3v4'])
  })
  afterAll(() => round.stop())

  test('makes a bucket, and sees it', async () => {
    await aws('s3', 'mb', 's3://aws-round')
    expect(await aws('s3', 'ls')).toContain('aws-round')
    expect(await api('get-bucket-location', '--bucket', 'aws-round')).toEqual({ LocationConstraint: null })
  })

  test('sends a folder and gets it again, large files in parts', async () => {
    await aws('s3', 'cp', '--quiet', '--recursive', round.source, 's3://aws-round/tree/')
    const listed = (await api('list-objects-v2', '--bucket', 'aws-round', '--prefix', 'tree/')) as {
      Contents: { Key: string; Size: number; ETag: string }[]
    }
    expect(listed.Contents.map(({ Key }) => Key.slice('tree/'.length))).toEqual(sortedNames(round.files))
    expect(listed.Contents.find(({ Key }) => Key === 'tree/large/text.log')?.ETag).toMatch(/-3"$/)
    await aws('s3', 'cp', '--quiet', '--recursive', 's3://aws-round/tree/', join(round.folder, 'down'))
    await expectFiles(join(round.folder, 'down'), round.files)
  })

  test('finds nothing to do when it syncs again, and does what there is', async () => {
    expect(await aws('s3', 'sync', round.source, 's3://aws-round/tree/', '--size-only')).toBe('')
    await mkdir(join(round.folder, 'few'), { recursive: true })
    await writeFile(join(round.folder, 'few', 'plain.txt'), 'another')
    await aws('s3', 'sync', '--delete', '--quiet', join(round.folder, 'few'), 's3://aws-round/tree/folder/')
    expect(
      (await aws('s3', 'ls', '--recursive', 's3://aws-round/tree/folder/')).trim().split('\n'),
    ).toHaveLength(1)
  })

  test('reads a range, metadata and tags, and copies them', async () => {
    const body = join(round.source, 'plain.txt')
    const common = ['--bucket', 'aws-round']
    await api(
      'put-object',
      ...common,
      '--key',
      'described',
      '--body',
      body,
      '--content-type',
      'text/plain',
      '--metadata',
      'color=blue',
      '--tagging',
      'team=a b&x=y',
    )
    expect(await api('head-object', ...common, '--key', 'described')).toMatchObject({
      ContentLength: 5000,
      ContentType: 'text/plain',
      Metadata: { color: 'blue' },
    })
    await api('copy-object', ...common, '--key', 'copy of it', '--copy-source', 'aws-round/described')
    expect(await api('head-object', ...common, '--key', 'copy of it')).toMatchObject({
      Metadata: { color: 'blue' },
    })
    expect(await api('get-object-tagging', ...common, '--key', 'copy of it')).toEqual({
      TagSet: expect.arrayContaining([
        { Key: 'team', Value: 'a b' },
        { Key: 'x', Value: 'y' },
      ]) as unknown,
    })
    const part = join(round.folder, 'part')
    expect(
      await api('get-object', ...common, '--key', 'described', '--range', 'bytes=2-5', part),
    ).toMatchObject({
      ContentRange: 'bytes 2-5/5000',
    })
  })

  test('makes URLs that anybody can use', async () => {
    const url = (await aws('s3', 'presign', 's3://aws-round/described')).trim()
    const reply = await fetch(url)
    expect(reply.status).toBe(200)
    expect(Buffer.from(await reply.arrayBuffer()).equals(round.files.get('plain.txt') as Uint8Array)).toBe(
      true,
    )
    expect((await fetch(url.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).status).toBe(403)
  })

  test('deletes all of it, and the bucket', async () => {
    await aws('s3', 'rm', '--quiet', '--recursive', 's3://aws-round')
    expect(await api('list-objects-v2', '--bucket', 'aws-round')).not.toHaveProperty('Contents')
    await aws('s3', 'rb', 's3://aws-round')
    expect(await aws('s3', 'ls')).not.toContain('aws-round')
  })
})
