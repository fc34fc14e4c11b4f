import { once } from 'node:events'
import { defineCommand, parseByteCount, parseDuration, wholeNumber } from '../command.ts'

function parseOrigin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || `${url.pathname}${url.search}${url.hash}` !== '/') {
    throw new Error('must be a server, such as http://127.0.0.1:3000')
  }
  return url
}

export const proxyCommands = [
  defineCommand({
    name: 'proxy',
    summary: 'Put a caching proxy in front of a server',
    description:
      'A shared HTTP cache (RFC 9111) in memory, in front of any HTTP server. All methods and header fields are passed ' +
      'through. Every response says in Cache-Status what happened. Runs in the foreground until SIGTERM or Ctrl-C.',
    arguments: [],
    options: {
      origin: {
        type: 'string',
        value: '<url>',
        description: 'The server behind it.',
        required: true,
        parse: parseOrigin,
      },
      port: {
        type: 'string',
        value: '<n>',
        description: 'TCP port. 0 takes a free one.',
        default: '8788',
        parse: wholeNumber(0, 65_535),
      },
      host: {
        type: 'string',
        value: '<address>',
        description: 'Address to listen on.',
        default: '127.0.0.1',
      },
      'cache-bytes': {
        type: 'string',
        value: '<bytes>',
        description: 'Memory for responses. A response may take an eighth of it.',
        default: '256MiB',
        parse: parseByteCount,
      },
      timeout: {
        type: 'string',
        value: '<duration>',
        description: 'How long the origin may stand still.',
        default: '30s',
        parse: parseDuration,
      },
    },
    examples: ['proxy --origin http://127.0.0.1:3000 --port 8788'],
    connects: false,
    json: false,
    run: async ({ options, output }) => {
      // Only now: the help of a command must not load a server.
      const { startReverseProxy } = await import('../reverse-proxy.ts')
      const proxy = await startReverseProxy({
        origin: options.origin,
        host: options.host,
        port: options.port,
        cacheBytes: options['cache-bytes'],
        timeoutMs: options.timeout * 1000,
      })
      output.done({ url: proxy.url }, `${proxy.url} → ${options.origin.origin}`)
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
      await proxy.stop()
    },
  }),
]
