import { Buffer } from 'node:buffer'
import { beforeEach, describe, expect, test } from 'vitest'
import { revokeAccessKey } from '../../../src/core/accounts/credentials.ts'
import { createBucket } from '../../../src/core/files/buckets.ts'
import { encodeForm, postForm } from './forms.ts'
import { type Answer, bucket, host, useStage } from './link-stage.ts'

const stage = useStage()
const noon = Date.parse('2026-11-21T12:00:00.000Z')
beforeEach(() => stage.clock.stopAt(noon))

interface Form {
  id: string
  url: string
  fields: Record<string, string>
  expiresAt: string
}

async function make(body: object, as = stage.ada.key): Promise<Form> {
  const answer = await stage.call('POST', '/api/v1/presigned-posts', { as, json: { bucket, ...body } })
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.json<never>()
}

const post = (
  form: Form,
  content: string | Uint8Array,
  fields: Record<string, string> = {},
): Promise<Answer> =>
  postForm(
    stage,
    encodeForm(Object.entries({ ...form.fields, ...fields }), { name: 'photo.txt', content }),
    form.url,
  )

const info = async (key: string) => {
  const target = `/api/v1/buckets/${bucket}/files?info&key=${encodeURIComponent(key)}`
  return (await stage.call('GET', target, { as: stage.ada.key })).json()
}

describe('a form', () => {
  test('uploads, and says where to', async () => {
    const form = await make({ key: 'a b/é.txt' })
    expect(form).toMatchObject({ url: `http://${host}/${bucket}`, expiresAt: '2026-11-21T13:00:00.000Z' })
    const answer = await post(form, 'hello')
    expect(answer).toMatchObject({ status: 204, text: '' })
    expect(answer.headers.get('location')).toBe(`http://${host}/${bucket}/a%20b/%C3%A9.txt`)
    expect(answer.headers.get('etag')).toBe('"5d41402abc4b2a76b9719d911017c592"')
    expect(await info('a b/é.txt')).toMatchObject({ sizeBytes: 5, contentType: 'binary/octet-stream' })
    expect(stage.kinds()).toEqual([])
  })

  test('names the file by what is sent', async () => {
    const form = await make({ keyPrefix: 'in/' })
    expect(form.fields['key']).toBe('in/${filename}')
    expect((await post(form, 'x')).status).toBe(204)
    expect(await info('in/photo.txt')).toMatchObject({ sizeBytes: 1 })
    expect((await post(form, 'x', { key: 'in/other' })).status).toBe(204)
    expect((await post(form, 'x', { key: 'out/other' })).status).toBe(403)
    const path = encodeForm(Object.entries(form.fields), { name: '/etc/../$&passwd', content: 'x' })
    expect((await postForm(stage, path)).status).toBe(204)
    expect(await info('in/$&passwd')).toMatchObject({ sizeBytes: 1 })
  })

  test('describes the file, with all that its maker allowed', async () => {
    const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>b &amp; c</Value></Tag></TagSet></Tagging>'
    const fields = {
      'Cache-Control': 'max-age=5',
      'Content-Disposition': 'inline',
      'x-amz-meta-colour': 'rot',
      acl: 'public-read',
      tagging,
    }
    const form = await make({ key: 'a', contentType: 'text/plain', fields })
    expect(form.fields).toMatchObject({ ...fields, 'Content-Type': 'text/plain' })
    expect((await post(form, 'x')).status).toBe(204)
    expect(await info('a')).toMatchObject({
      contentType: 'text/plain',
      contentDisposition: 'inline',
      metadata: { colour: 'rot' },
      tags: { a: 'b & c' },
    })
    expect((await stage.follow(`http://${host}/${bucket}/a`)).status, 'public').toBe(200)
  })

  test('bounds the size and the type', async () => {
    const form = await make({ key: 'a', minBytes: 2, maxBytes: 4, contentType: 'image/*' })
    const image = { 'Content-Type': 'image/png' }
    expect((await post(form, 'x', image)).code).toBe('EntityTooSmall')
    expect((await post(form, 'xxxxx', image)).code).toBe('EntityTooLarge')
    expect((await post(form, 'xxx')).code).toBe('AccessDenied')
    expect((await post(form, 'xxx', { 'Content-Type': 'text/html' })).code).toBe('AccessDenied')
    expect((await post(form, 'xxx', image)).status).toBe(204)
  })

  test.each([
    ['200', 200],
    ['201', 201],
    ['204', 204],
    ['404', 204],
    ['', 204],
  ])('with success_action_status %j is answered %i', async (wanted, status) => {
    const form = await make({ key: 'a&b', fields: { success_action_status: wanted } })
    const answer = await post(form, 'hello')
    expect(answer.status).toBe(status)
    if (status !== 201) return expect(answer.text).toBe('')
    const etag = '&quot;5d41402abc4b2a76b9719d911017c592&quot;'
    expect(answer.text).toContain(
      `<PostResponse><Location>http://${host}/${bucket}/a%26b</Location><Bucket>photos</Bucket><Key>a&amp;b</Key><ETag>${etag}</ETag>`,
    )
  })

  test.each([
    ['https://app.example/done?x=1', 303],
    ['javascript:alert(1)', 204],
    ['nowhere', 204],
  ])('redirects to %s: %i', async (page, status) => {
    const form = await make({ key: 'a', fields: { success_action_redirect: page } })
    const answer = await post(form, 'hello')
    expect(answer.status).toBe(status)
    if (status === 303) {
      expect(answer.headers.get('location')).toBe(
        'https://app.example/done?x=1&bucket=photos&key=a&etag=%225d41402abc4b2a76b9719d911017c592%22',
      )
    }
    expect((await post(form, 'x', { success_action_redirect: 'https://evil.example/' })).status).toBe(403)
  })

  test('of many megabytes, and what follows the file is not looked at', async () => {
    const form = await make({ key: 'a' })
    const content = Buffer.alloc(3_000_000, 'abc')
    const body = encodeForm(Object.entries(form.fields), { name: 'a', content }, [
      ['key', 'b'],
      ['acl', 'public-read'],
      ['big', 'x'.repeat(200_000)],
    ])
    async function* pieces() {
      for (let at = 0; at < body.length; at += 60_001) yield body.subarray(at, at + 60_001)
    }
    expect((await postForm(stage, pieces())).status).toBe(204)
    expect(await info('a')).toMatchObject({ sizeBytes: content.length })
    expect((await info('b'))['code']).toBe('file_not_found')
  })

  test('takes a file without a name', async () => {
    const form = await make({ key: 'a' })
    const body = encodeForm(Object.entries(form.fields), { content: 'x'.repeat(100_000) })
    expect((await postForm(stage, body)).status).toBe(204)
    expect(await info('a')).toMatchObject({ sizeBytes: 100_000 })
  })

  test('at most as often as it may be used', async () => {
    const form = await make({ key: 'a', maxUses: 2 })
    const statuses = await Promise.all(Array.from({ length: 10 }, async () => (await post(form, 'x')).status))
    expect(statuses.filter((status) => status === 204)).toHaveLength(2)
    expect(stage.kinds()).toEqual(Array.from({ length: 8 }, () => 'url_replayed'))
  })

  test('is revoked: by its id, with its key’s links, with its key', async () => {
    const [first, second, third] = [
      await make({ key: 'a' }),
      await make({ key: 'a' }),
      await make({ key: 'a' }),
    ]
    await stage.call('DELETE', `/api/v1/presigned-urls/${first.id}`, { as: stage.ada.key })
    expect((await post(first, 'x')).code).toBe('AccessDenied')
    expect((await post(second, 'x')).status).toBe(204)
    const { userId, accessKeyId } = stage.ada.key
    await stage.call('POST', `/api/v1/users/${userId}/revoke-links`, { as: stage.ada.key })
    expect((await post(second, 'x')).code).toBe('AccessDenied')
    expect((await post(await make({ key: 'a' }), 'x')).status).toBe(204)
    expect(stage.kinds()).toEqual(['url_revoked', 'url_revoked'])
    await revokeAccessKey(stage.core, stage.admin, { userId, accessKeyId })
    expect((await post(third, 'x')).code).toBe('InvalidAccessKeyId')
  })
})

describe('a form is refused', () => {
  test('where its maker may not write', async () => {
    const eve = await stage.person('eve')
    const json = { bucket, key: 'a' }
    expect((await stage.call('POST', '/api/v1/presigned-posts', { as: eve.key, json })).status).toBe(403)
    expect((await stage.call('POST', '/api/v1/presigned-posts', { json })).status).toBe(401)
    await createBucket(stage.core, eve.caller, { name: 'eves', visibility: 'public' })
    const form = await make({ bucket: 'eves', key: 'a' }, eve.key)
    expect((await post({ ...form, url: `http://${host}/${bucket}` }, 'x')).status, 'another bucket').toBe(403)
    expect((await post(form, 'x')).status).toBe(204)
  })

  test.each([
    [{ key: 'a', keyPrefix: 'b' }],
    [{}],
    [{ key: '' }],
    [{ key: 'a', minBytes: 5, maxBytes: 4 }],
    [{ key: 'a', fields: { policy: 'x' } }],
    [{ key: 'a', fields: { 'X-Amz-Date': 'x' } }],
    [{ key: 'a', fields: { 'x-cutty-id': 'x' } }],
    [{ key: 'a', fields: { 'a"b': 'x' } }],
    [{ key: 'a', expiresInSeconds: 604_801 }],
  ])('before it is made: %j', async (body) => {
    const json = { bucket, ...body }
    expect((await stage.call('POST', '/api/v1/presigned-posts', { as: stage.ada.key, json })).status).toBe(
      400,
    )
  })

  test('when it is forged', async () => {
    const form = await make({ key: 'a' })
    const policy = Buffer.from(form.fields['policy'] as string, 'base64').toString()
    const changed = Buffer.from(policy.replace('"a"', '"b"')).toString('base64')
    const forgeries: Record<string, string>[] = [
      { policy: changed, key: 'b' },
      { 'x-amz-signature': '0'.repeat(64) },
      { 'x-amz-credential': (form.fields['x-amz-credential'] as string).replace('us-east-1', 'eu-west-1') },
    ]
    for (const fields of forgeries) {
      expect(await post(form, 'x', fields)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    }
    expect(stage.kinds()).toEqual(['url_forged', 'url_forged', 'url_forged'])
    const unknown = { 'x-amz-credential': 'NOBODY/20261121/us-east-1/s3/aws4_request' }
    expect((await post(form, 'x', unknown)).code).toBe('InvalidAccessKeyId')
    for (const name of ['x-amz-signature', 'x-amz-date', 'x-amz-credential', 'x-amz-algorithm', 'policy']) {
      const { [name]: _, ...fields } = form.fields
      expect([400, 403], name).toContain((await post({ ...form, fields }, 'x')).status)
    }
    expect((await info('a'))['code']).toBe('file_not_found')
  })

  test('without a policy: the public writes nowhere', async () => {
    const body = encodeForm([['key', 'a']], { name: 'a', content: 'x' })
    expect(await postForm(stage, body)).toMatchObject({ status: 403, code: 'AccessDenied' })
    const old = encodeForm(
      [
        ['key', 'a'],
        ['AWSAccessKeyId', 'a'],
        ['policy', 'b'],
        ['signature', 'c'],
      ],
      { content: 'x' },
    )
    expect((await postForm(stage, old)).status).toBe(400)
  })

  test('with a field twice, in whichever case', async () => {
    const form = await make({ key: 'a' })
    for (const name of ['key', 'KEY', 'policy', 'Content-Type']) {
      const fields: [string, string][] = [
        ...Object.entries(form.fields),
        ['Content-Type', 'a/b'],
        [name, 'a'],
      ]
      const answer = await postForm(stage, encodeForm(fields, { content: 'x' }))
      expect(answer, name).toMatchObject({ status: 400, code: 'InvalidArgument' })
    }
  })

  test('with a header’s end in a field (R42)', async () => {
    const form = await make({ key: 'a', fields: { 'Content-Disposition': 'x\r\nSet-Cookie: y' } })
    expect(await post(form, 'x')).toMatchObject({ status: 400, code: 'InvalidArgument' })
  })

  test('with more than 20 KiB of fields, long before its end', async () => {
    const form = await make({ key: 'a' })
    const answer = await post(form, 'x', { 'x-ignore-a': 'x'.repeat(21_000) })
    expect(answer).toMatchObject({ status: 400, code: 'MaxPostPreDataLengthExceededError' })
  })

  test('without a key, without a file, with its file first', async () => {
    const { fields } = await make({ key: 'a' })
    const { key: _, ...keyless } = fields
    expect((await postForm(stage, encodeForm(Object.entries(keyless), { content: 'x' }))).code).toBe(
      'InvalidArgument',
    )
    expect((await postForm(stage, encodeForm(Object.entries(fields), undefined))).code).toBe(
      'InvalidArgument',
    )
    const first = encodeForm([], { content: 'x' }, Object.entries(fields))
    expect((await postForm(stage, first)).code).toBe('InvalidArgument')
  })

  test('that is none', async () => {
    const { fields, url } = await make({ key: 'a' })
    const whole = encodeForm(Object.entries(fields), { name: 'a', content: 'x'.repeat(5000) })
    const plain = await stage.follow(url, { method: 'POST', body: whole })
    expect(plain).toMatchObject({ status: 412, code: 'PreconditionFailed' })
    for (const end of [whole.length - 3000, 100, 0]) {
      expect((await postForm(stage, whole.subarray(0, end))).code).toMatch(
        /MalformedPOSTRequest|InvalidArgument/,
      )
    }
    expect((await postForm(stage, Buffer.from('nonsense'))).status).toBe(400)
    expect((await info('a'))['code']).toBe('file_not_found')
  })

  test('that asks for what is not offered', async () => {
    for (const [name, value] of [
      ['x-amz-server-side-encryption', 'AES256'],
      ['acl', 'public-read-write'],
      ['x-amz-storage-class', 'GLACIER'],
    ] as const) {
      const form = await make({ key: 'a', fields: { [name]: value } })
      expect([400, 501], name).toContain((await post(form, 'x')).status)
    }
  })

  test('that declares another checksum than its content has', async () => {
    const form = await make({ key: 'a', fields: { 'x-amz-checksum-crc32': 'AAAAAA==' } })
    expect((await post(form, 'hello')).code).toBe('BadDigest')
    const right = await make({ key: 'a', fields: { 'x-amz-checksum-crc32': 'NhCmhg==' } })
    expect((await post(right, 'hello')).status).toBe(204)
  })
})
