/**
 * urllib3 1.26.12 of Debian 12, with brotli 1.0.9. Measured: it asks for `identity`, and with make_headers for
 * `gzip,deflate,br`, which all come out whole; zstd it does not know. Of pip's, with zstandard, which name zstd too:
 * 2.0.0 and 2.0.2 give back the first frame of several as a success; 2.0.3 reads all of a reply with a length; 2.0.7,
 * 2.1.0 and 2.5.0 fail where a read ends with a frame: always in replies that are chunked by frames, by accident in
 * replies with a length; 2.6.3 and 2.8.0 read all. requests, with these, asks by itself in the very words of a browser:
 * `gzip, deflate, br, zstd`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seenAcceptEncoding } from './accept-encoding.ts'
import { canRun, isEverythingPromised, named, runProgram } from './programs.ts'
import { type Download, expectPassedThrough, expectWhole, startStore, type Store } from './stored-files.ts'

/** Debian's, whichever other Python comes first in the path. */
const python = canRun('/usr/bin/python3', ['--version']) ? '/usr/bin/python3' : 'python3'
const absent = !canRun(python, ['-c', 'import urllib3, brotli']) && !isEverythingPromised

const script = `
import hashlib, json, sys, urllib3
http = urllib3.PoolManager()
task = json.load(sys.stdin)
headers = task['headers']
if headers == 'make_headers':
    headers = urllib3.util.make_headers(accept_encoding=True)
downloads = []
for url in task['urls']:
    try:
        reply = http.request('GET', url, headers=headers, retries=False, preload_content=not task['streamed'])
        if task['streamed']:
            body = b''.join(reply.stream(10240, decode_content=True))
            reply.release_conn()
        else:
            body = reply.data
        if reply.status != 200:
            raise ValueError('status %d' % reply.status)
        downloads.append({'sha256': hashlib.sha256(body).hexdigest(), 'sizeBytes': len(body),
                          'contentEncoding': reply.headers.get('content-encoding', '')})
    except Exception as error:
        downloads.append({'error': repr(error)})
json.dump(downloads, sys.stdout)
`

interface Task {
  /** `null` for what it sends by itself, and the name of the function that makes a user's. */
  readonly headers: null | 'make_headers' | Readonly<Record<string, string>>
  /** In pieces, or all at once. */
  readonly streamed: boolean
}

async function downloadAll(urls: readonly string[], task: Task): Promise<Download[]> {
  const input = JSON.stringify({ urls, ...task })
  const { code, stdout, stderr } = await runProgram(python, ['-c', script], { input })
  if (code !== 0) throw new Error(`Python ended with ${code}: ${stderr}`)
  return JSON.parse(stdout.toString()) as Download[]
}

describe.skipIf(absent)(named('urllib3', absent), () => {
  let store: Store
  let codings: string[]
  const ask = (headers: Task['headers']) =>
    seenAcceptEncoding((url) => downloadAll([url], { headers, streamed: false }))
  beforeAll(async () => {
    store = await startStore()
    codings = (await ask('make_headers')).split(',')
  })
  afterAll(() => store.stop())

  test('asks for what this file says it asks for', async () => {
    expect(await ask(null)).toBe('identity')
    expect(codings.join()).toMatch(/^gzip,deflate,br(,zstd)?$/)
  })

  test.each([true, false])('by itself: every file comes decoded (R12); streamed: %s', async (streamed) => {
    const urls = store.files.map(({ url }) => url)
    const downloads = await downloadAll(urls, { headers: null, streamed })
    expectWhole(store.files, downloads)
    expectPassedThrough(store.files, downloads, { accepts: [] })
  })

  test.each([true, false])(
    'with make_headers: what it names is passed through and comes out whole (R14); streamed: %s',
    async (streamed) => {
      const urls = store.files.map(({ url }) => url)
      const downloads = await downloadAll(urls, { headers: 'make_headers', streamed })
      expectWhole(store.files, downloads)
      expectPassedThrough(store.files, downloads, { accepts: codings })
    },
  )

  test.each(['gzip', 'deflate', 'br'])('asking for %s alone', async (coding) => {
    const files = store.files.filter((file) => file.coding === coding)
    const urls = files.map(({ url }) => url)
    const downloads = await downloadAll(urls, { headers: { 'accept-encoding': coding }, streamed: true })
    expectWhole(files, downloads)
    expectPassedThrough(files, downloads, { accepts: [coding] })
  })
})
