/**
 * The least that Node can do for a GET: `node:http` sends a Buffer that was made before, with Content-Type and
 * Content-Length. Usage: `node http-buffer.ts PORT JSON`, JSON being a {@link FileSet}.
 */
import { createServer } from 'node:http'
import { generateBytes } from '../harness/bytes.ts'
import { filesOf } from '../harness/load-job.ts'
import type { FileSet } from '../harness/load-job.ts'

const [port, json] = process.argv.slice(2)
const files = JSON.parse(json ?? '') as FileSet
const bodies = new Map(Array.from(filesOf(files), ({ path, content }) => [path, generateBytes(content)]))

createServer((request, response) => {
  const body = bodies.get(request.url ?? '')
  if (!body) return void response.writeHead(request.url === '/ready' ? 200 : 404).end()
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length })
  response.end(body)
}).listen(Number(port), '127.0.0.1')
