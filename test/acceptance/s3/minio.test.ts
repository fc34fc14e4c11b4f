/** `minio` of npm, at the release of the lock file. */
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Client } from 'minio'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin } from '../../entry/test-server.ts'
import { expectFiles, type Round, sortedNames, startRound } from './round.ts'

const bucket = 'minio-round'

describe('minio-js', () => {
  let round: Round
  let client: Client
  beforeAll(async () => {
    round = await startRound()
    const { hostname, port } = new URL(round.url)
    client = new Client({
      endPoint: hostname,
      port: Number(port),
      useSSL: false,
      accessKey: admin.accessKeyId,
      secretKey: admin.secretAccessKey,
      partSize: 5 * 1024 ** 2,
    })
    await client.makeBucket(bucket)
  })
  afterAll(() => round.stop())

  async function listNames(prefix = ''): Promise<string[]> {
    const names: string[] = []
    for await (const item of client.listObjectsV2(bucket, prefix, true)) {
      names.push((item as { name: string }).name)
    }
    return names
  }

  test('sends a folder and gets it again, large files in parts', async () => {
    expect(await client.bucketExists(bucket)).toBe(true)
    for (const name of round.files.keys()) {
      await client.fPutObject(bucket, name, join(round.source, name), { 'x-amz-meta-from': 'minio' })
    }
    expect(await listNames()).toEqual(sortedNames(round.files))
    for (const name of round.files.keys()) {
      await client.fGetObject(bucket, name, join(round.folder, 'down', name))
    }
    await expectFiles(join(round.folder, 'down'), round.files)
  })

  test('describes, reads a part, copies and tags', async () => {
    expect(await client.statObject(bucket, 'plain.txt')).toMatchObject({
      size: 5000,
      metaData: { from: 'minio' },
    })
    expect((await buffer(await client.getPartialObject(bucket, 'plain.txt', 2, 4))).toString()).toBe('line')
    await client.copyObject(bucket, 'a copy', `/${bucket}/plain.txt`)
    await client.setObjectTagging(bucket, 'a copy', { a: 'b c' })
    expect(await client.getObjectTagging(bucket, 'a copy')).toEqual([{ Key: 'a', Value: 'b c' }])
  })

  test('makes URLs and forms that anybody can use', async () => {
    const put = await fetch(await client.presignedPutObject(bucket, 'by link', 60), {
      method: 'PUT',
      body: 'link',
    })
    expect(put.status).toBe(200)
    const get = await fetch(await client.presignedGetObject(bucket, 'by link', 60))
    expect(await get.text()).toBe('link')

    const policy = client.newPostPolicy()
    policy.setBucket(bucket)
    policy.setKey('by form')
    policy.setExpires(new Date(Date.now() + 60_000))
    policy.setContentLengthRange(1, 100)
    const { postURL, formData } = await client.presignedPostPolicy(policy)
    const send = async (text: string) => {
      const form = new FormData()
      for (const [name, value] of Object.entries(formData)) form.append(name, String(value))
      form.append('file', new Blob([text]))
      return (await fetch(postURL, { method: 'POST', body: form })).status
    }
    expect(await send('a form')).toBe(204)
    expect(await send('x'.repeat(101))).toBe(400)
    expect((await buffer(await client.getObject(bucket, 'by form'))).toString()).toBe('a form')
  })

  test('deletes all of it, and the bucket', async () => {
    await client.removeObjects(bucket, await listNames())
    expect(await listNames()).toEqual([])
    await client.removeBucket(bucket)
    expect(await client.bucketExists(bucket)).toBe(false)
  })
})
