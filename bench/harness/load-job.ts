import type { Content } from './bytes.ts'

/** What a load process is told, as JSON on its standard input. */
export interface LoadJob {
  readonly host: string
  readonly port: number
  readonly connections: number
  readonly headers: Readonly<Record<string, string>>
  readonly warmupSeconds: number
  readonly seconds: number
  /** Requests per second, whether or not answers come (open loop). Without it each connection sends its
   *  next request when the last one was answered (closed loop). */
  readonly ratePerSecond?: number
  readonly work: GetWork | PutWork
}

export interface GetWork {
  readonly method: 'GET'
  readonly files: FileSet
  /** Asked for in place of the files' paths: number n is a target of file n modulo their count, such as a signed one. */
  readonly targets?: readonly string[]
}

/** Files that are alike but for their number and bytes; asked for in turn. */
export interface FileSet {
  /** `{n}` stands for the file's number, from 0. */
  readonly path: string
  readonly count: number
  /** Of file 0; the next file has the next seed. */
  readonly content: Content
}

export interface PutWork {
  readonly method: 'PUT'
  /** `{n}` becomes the request's number, ten digits. */
  readonly path: string
  readonly firstNumber: number
  /** Bytes 0 to 9 of each body are the request's number, so that no two bodies are alike. */
  readonly content: Content
  /** Each request is signed for S3 in its headers, with the hash of its body. */
  readonly signedWith?: { readonly accessKeyId: string; readonly secret: string }
}

/** What it answers, as JSON on its standard output. Counts are of the measured seconds only. */
export interface LoadResult {
  readonly requests: number
  /** Answered well, of the warm-up and after the last second too. */
  readonly requestsInAll: number
  readonly seconds: number
  readonly perSecond: number
  /** Body bytes received (GET) or acknowledged (PUT), in MiB per second. */
  readonly mibPerSecond: number
  /** Closed loop: from sending. Open loop: from when the request was due, sent or not. */
  readonly latencyMs: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly max: number
  }
  /** Share of one core that the load process used; near 1 means that it may have been the limit. */
  readonly cpuShare: number
  /** Wrong status, wrong length, wrong bytes, broken connections: of the warm-up too. */
  readonly errors: number
  readonly errorSamples: readonly string[]
  /** The number after the last one used (PUT). */
  readonly nextNumber: number
}

/** The files of a set, one after the other. */
export function* filesOf(set: FileSet): Generator<{ path: string; content: Content }> {
  for (let number = 0; number < set.count; number += 1) {
    yield {
      path: set.path.replace('{n}', String(number)),
      content: { ...set.content, seed: set.content.seed + number },
    }
  }
}

const numberDigits = 10

export function digitsOf(requestNumber: number): string {
  return String(requestNumber).padStart(numberDigits, '0')
}
