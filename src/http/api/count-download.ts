import { countRead } from '../../core/cache/read-counts.ts'
import type { HttpReply } from '../exchange.ts'
import type { Call } from '../route.ts'
import { fileOf } from './file-target.ts'

/** Counts a GET that was answered with the file, a part of it, or that it has not changed. Returns the reply. */
export function countDownload(call: Call<{ info?: string | undefined }>, reply: HttpReply): HttpReply {
  if (call.request.method === 'GET' && call.query.info === undefined) countRead(call.core, fileOf(call))
  return reply
}
