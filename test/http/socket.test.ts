import { rawTargetTests } from '../contracts/http/keys.ts'
import { httpContract } from '../contracts/http.ts'
import { admin, startTestServer } from '../entry/test-server.ts'
import { createSocketFetch } from './socket-fetch.ts'

async function start() {
  const server = await startTestServer()
  const { fetch, close } = createSocketFetch(server.url)
  return {
    fetch,
    admin,
    async stop() {
      close()
      await server.stop()
    },
  }
}

httpContract('HTTP over a socket', start, rawTargetTests)
