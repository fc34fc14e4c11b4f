import { beforeEach, describe, expect, test } from 'vitest'
import { encodeForm, postForm, signFields } from './forms.ts'
import { bucket, useStage } from './link-stage.ts'

const stage = useStage()
const noon = Date.parse('2026-11-21T12:00:00.000Z')
const expiration = '2026-11-21T13:00:00.000Z'
beforeEach(() => stage.clock.stopAt(noon))

const file = { name: 'photo.txt', content: 'hello' }
const usual = [{ bucket }, ['starts-with', '$key', 'in/'], ['starts-with', '$x-amz-', '']]

/** Posts a form with these conditions beside those of the signature. */
async function send(
  conditions: unknown[],
  fields: Record<string, string> = {},
  {
    policy = {},
    content = 'hello',
    signed = {},
  }: { policy?: object; content?: string; signed?: object } = {},
) {
  const amz = ['x-amz-algorithm', 'x-amz-credential', 'x-amz-date'].map((name) => [
    'starts-with',
    `$${name}`,
    '',
  ])
  const document = { expiration, conditions: [...conditions, ...amz], ...policy }
  const all = { key: 'in/a', ...fields, ...signFields(stage, document, signed) }
  return postForm(stage, encodeForm(Object.entries(all), { ...file, content }))
}
const usualConditions = usual.slice(0, 2)
const info = async (key: string) => {
  const target = `/api/v1/buckets/${bucket}/files?info&key=${encodeURIComponent(key)}`
  return (await stage.call('GET', target, { as: stage.ada.key })).json()
}

describe('the conditions of a policy', () => {
  test.each([
    ['eq as a list', [['eq', '$key', 'in/a']], {}, 204],
    ['eq as an object', [{ key: 'in/a' }], {}, 204],
    ['eq of another', [{ key: 'in/b' }], {}, 403],
    ['operators in capitals', [['EQ', '$key', 'in/a']], {}, 204],
    ['names in capitals', [['eq', '$KEY', 'in/a']], {}, 204],
    ['starts-with', [['starts-with', '$key', 'in/']], {}, 204],
    ['starts-with nothing', [['starts-with', '$key', '']], {}, 204],
    ['starts-with another', [['starts-with', '$key', 'out/']], {}, 403],
    ['values are case-sensitive', [['eq', '$key', 'IN/A']], {}, 403],
    ['a field that must be there, and is not', [...usualConditions, { acl: 'private' }], {}, 403],
    [
      'a field that may be anything, and is not there',
      [...usualConditions, ['starts-with', '$acl', '']],
      {},
      204,
    ],
    [
      'a number is its text',
      [...usualConditions, { success_action_status: 200 }],
      { success_action_status: '200' },
      200,
    ],
    [
      'all types of a list',
      [...usualConditions, ['starts-with', '$Content-Type', 'image/']],
      { 'Content-Type': 'image/png, image/gif' },
      204,
    ],
    [
      'one of a list is another',
      [...usualConditions, ['starts-with', '$Content-Type', 'image/']],
      { 'Content-Type': 'image/png,text/html' },
      403,
    ],
    ['a field that no condition names', usualConditions, { acl: 'public-read' }, 403],
    ['metadata that no condition names', usualConditions, { 'x-amz-meta-a': 'b' }, 403],
    ['a field of ours that no condition names', usualConditions, { 'x-cutty-id': 'b' }, 403],
    ['a field to be ignored', usualConditions, { 'x-ignore-this': 'b' }, 204],
    ['another bucket', [{ bucket: 'other' }, usual[1]], {}, 403],
    [
      'several ranges, all of which hold',
      [...usualConditions, ['content-length-range', 0, 9], ['content-length-range', 5, 99]],
      {},
      204,
    ],
  ])('%s', async (_name, conditions, fields, status) => {
    const withBucket = conditions.some((each) => JSON.stringify(each).includes('bucket'))
    const answer = await send(withBucket ? conditions : [...conditions, { bucket }], fields)
    expect(answer.status, answer.text).toBe(status)
    if (status === 403) {
      expect(answer.text).toMatch(
        /Invalid according to Policy: (Policy Condition failed|Extra input fields): /,
      )
      expect((await info('in/a'))['code']).toBe('file_not_found')
      expect(stage.kinds()).toEqual(['url_wrong_scope'])
    }
  })

  test('must name the bucket: a form is for one', async () => {
    const answer = await send([usual[1]])
    expect(answer).toMatchObject({
      status: 403,
      text: expect.stringContaining('Extra input fields: bucket') as string,
    })
  })

  test.each([
    [0, 5, 204, ''],
    [5, 5, 204, ''],
    ['5', '5', 204, ''],
    [0, 4, 400, 'EntityTooLarge'],
    [6, 100, 400, 'EntityTooSmall'],
  ])('content-length-range %j to %j', async (min, max, status, code) => {
    const answer = await send([...usualConditions, ['content-length-range', min, max]])
    expect(answer).toMatchObject({ status, code })
    if (status === 400) expect((await info('in/a'))['code']).toBe('file_not_found')
  })

  test('of an endless file no more is read than may come', async () => {
    const own = ['x-amz-algorithm', 'x-amz-credential', 'x-amz-date'].map((name) => [
      'starts-with',
      `$${name}`,
      '',
    ])
    const conditions = [...usualConditions, ...own, ['content-length-range', 0, 100_000]]
    const all = { key: 'in/a', ...signFields(stage, { expiration, conditions }) }
    const head = encodeForm(Object.entries(all), { name: 'a', content: '' })
    let sent = 0
    async function* body() {
      yield head.subarray(0, head.lastIndexOf('\r\n------'))
      for (; sent < 10_000; sent++) yield Buffer.alloc(10_000, 1)
    }
    expect((await postForm(stage, body())).code).toBe('EntityTooLarge')
    expect(sent).toBeLessThan(100)
  })

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no expiration', { conditions: [] }],
    ['an expiration that is no time', { expiration: 'tomorrow', conditions: [] }],
    ['a day that does not exist', { expiration: '2026-13-40T00:00:00Z', conditions: [] }],
    ['names in capitals', { EXPIRATION: expiration, CONDITIONS: [] }],
    ['no conditions', { expiration }],
    ['an empty condition', { expiration, conditions: [{}] }],
    ['a condition of two', { expiration, conditions: [{ bucket, key: 'a' }] }],
    ['another operator', { expiration, conditions: [['ends-with', '$key', 'a']] }],
    ['a variable without $', { expiration, conditions: [['eq', 'key', 'a']] }],
    ['too many values', { expiration, conditions: [['eq', '$key', 'a', 'b']] }],
    ['a value that is no text', { expiration, conditions: [['eq', '$key', null]] }],
    ['a range of one', { expiration, conditions: [['content-length-range', 1]] }],
    ['a range below zero', { expiration, conditions: [['content-length-range', -1, 5]] }],
    ['a range of words', { expiration, conditions: [['content-length-range', 'a', 'b']] }],
    ['a condition that is none', { expiration, conditions: [7] }],
  ])('are refused with a document that has %s', async (_name, document) => {
    const all = { key: 'in/a', ...signFields(stage, document) }
    const answer = await postForm(stage, encodeForm(Object.entries(all), file))
    expect(answer).toMatchObject({ status: 400, code: 'InvalidPolicyDocument' })
  })
})

describe('a policy', () => {
  test('expires', async () => {
    stage.clock.stopAt(Date.parse(expiration) + 1)
    expect(await send(usualConditions)).toMatchObject({
      status: 403,
      text: expect.stringContaining('Policy expired.') as string,
    })
    expect(stage.kinds()).toEqual(['url_expired'])
  })

  test('counts for seven days from its date, whatever it says (R39)', async () => {
    const policy = { expiration: '2036-01-01T00:00:00Z' }
    const signed = { signedAtMs: noon }
    stage.clock.advance(604_800_000)
    expect((await send(usualConditions, {}, { policy, signed })).status).toBe(204)
    stage.clock.advance(1)
    expect((await send(usualConditions, {}, { policy, signed })).status).toBe(403)
    const future = { signedAtMs: stage.clock.now() + 20 * 60_000 }
    expect((await send(usualConditions, {}, { policy, signed: future })).status).toBe(403)
    expect(stage.kinds()).toEqual(['url_expired', 'url_not_yet_valid'])
  })
})
