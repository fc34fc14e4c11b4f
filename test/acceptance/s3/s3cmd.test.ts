/** s3cmd 2.3.0 of Debian 12. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin } from '../../entry/test-server.ts'
import { canRun, isEverythingPromised, named } from '../clients/programs.ts'
import { expectFiles, type Round, startRound } from './round.ts'

const absent = !canRun('s3cmd', ['--version']) && !isEverythingPromised

describe.skipIf(absent)(named('s3cmd', absent), () => {
  let round: Round
  const s3cmd = async (...args: string[]) => {
    const endpoint = [`--host=${round.host}`, `--host-bucket=${round.host}`, '--no-ssl', '--no-progress']
    const key = [`--access_key=${admin.accessKeyId}`, `--secret_key=${admin.secretAccessKey}`]
    return (await round.run('s3cmd', ['-c', '/dev/null', ...endpoint, ...key, ...args])).stdout.toString()
  }
  beforeAll(async () => {
    round = await startRound()
  })
  afterAll(() => round.stop())

  test('makes a bucket, and sees it', async () => {
    await s3cmd('mb', 's3://s3cmd-round')
    expect(await s3cmd('ls')).toContain('s3://s3cmd-round')
    expect(await s3cmd('info', 's3://s3cmd-round')).toContain('us-east-1')
  })

  test('sends a folder and gets it again, large files in parts', async () => {
    await s3cmd('sync', '--multipart-chunk-size-mb=5', `${round.source}/`, 's3://s3cmd-round/tree/')
    const listed = (await s3cmd('ls', '--recursive', 's3://s3cmd-round/tree/')).trim().split('\n')
    expect(listed).toHaveLength(round.files.size)
    await s3cmd('sync', 's3://s3cmd-round/tree/', `${join(round.folder, 'down')}/`)
    await expectFiles(join(round.folder, 'down'), round.files)
    expect(await s3cmd('sync', `${round.source}/`, 's3://s3cmd-round/tree/')).not.toContain('upload:')
  })

  test('describes, copies, moves, makes public and links', async () => {
    const file = join(round.source, 'plain.txt')
    await s3cmd(
      'put',
      '--mime-type=text/plain',
      '--add-header=x-amz-meta-color: blue',
      file,
      's3://s3cmd-round/a b',
    )
    expect(await s3cmd('info', 's3://s3cmd-round/a b')).toMatch(
      /MIME type:\s+text\/plain[\s\S]*x-amz-meta-color: blue/,
    )
    await s3cmd('cp', 's3://s3cmd-round/a b', 's3://s3cmd-round/copy')
    await s3cmd('mv', 's3://s3cmd-round/copy', 's3://s3cmd-round/moved+here')
    expect(await s3cmd('ls', 's3://s3cmd-round/')).toContain('s3://s3cmd-round/moved+here')
    await s3cmd('setacl', '--acl-public', 's3://s3cmd-round/moved+here')
    expect((await fetch(`${round.url}/s3cmd-round/moved%2Bhere`)).status).toBe(200)
    expect((await fetch(`${round.url}/s3cmd-round/a%20b`)).status).toBe(403)
  })

  test('deletes all of it, and the bucket', async () => {
    await s3cmd('del', '--recursive', '--force', 's3://s3cmd-round/')
    await s3cmd('rb', 's3://s3cmd-round')
    expect(await s3cmd('ls')).not.toContain('s3cmd-round')
  })
})
