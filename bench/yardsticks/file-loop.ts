/**
 * The least that a durable write of whole files costs here: one loop of write, fsync, rename. Reads
 * `{ folder, seconds, fileBytes }` as JSON from standard input and prints files and MiB per second.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { generateBytes } from '../harness/bytes.ts'

export interface FileLoop {
  readonly folder: string
  readonly seconds: number
  readonly fileBytes: number
}

const job = JSON.parse(await text(process.stdin)) as FileLoop
mkdirSync(job.folder, { recursive: true })
const body = generateBytes({ seed: 1, sizeBytes: job.fileBytes, kind: 'random' })

let files = 0
const begin = performance.now()
while (performance.now() - begin < job.seconds * 1000) {
  body.writeUInt32LE(files, 0)
  const path = join(job.folder, String(files))
  const file = openSync(`${path}.part`, 'w')
  for (let at = 0; at < body.length;) at += writeSync(file, body, at)
  fsyncSync(file)
  closeSync(file)
  renameSync(`${path}.part`, path)
  files += 1
}
const seconds = (performance.now() - begin) / 1000
rmSync(job.folder, { recursive: true })

process.stdout.write(
  JSON.stringify({ perSecond: files / seconds, mibPerSecond: (files * job.fileBytes) / 2 ** 20 / seconds }),
)
