import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createConnection } from '../../src/cli/connection.ts'

test('a connection carries the latest bookmark from one answer to the next request', async () => {
  const gave = ['', '00000002.b', '00000003.c', '00000001.a', '', '', '']
  const asked: unknown[] = []
  const server = createServer((request, reply) => {
    asked.push(request.headers['cutty-bookmark'])
    const bookmark = gave[asked.length - 1]
    request.resume().on('end', () => {
      // Also of what is refused: something else may have been written.
      reply.writeHead(asked.length === 3 ? 409 : 200, { ...(bookmark && { 'Cutty-Bookmark': bookmark }) })
      reply.end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const connection = createConnection({ url, env: {} })
  try {
    await connection.call('GET', '/')
    await connection.call('POST', '/', {})
    await connection.call('DELETE', '/').catch(() => {})
    await connection.send('PUT', '/', { headers: {}, body: (async function* () {})(), sizeBytes: 0 })
    ;(await connection.open('/')).resume()
    await connection.call('GET', '/')
    const latest = '00000003.c'
    expect(asked).toEqual([undefined, undefined, '00000002.b', latest, latest, latest])
    // Another run knows nothing of it.
    const another = createConnection({ url, env: {} })
    await another.call('GET', '/')
    another.close()
    expect(asked.at(-1)).toBeUndefined()
  } finally {
    connection.close()
    await new Promise((resolve) => server.close(resolve))
  }
})
