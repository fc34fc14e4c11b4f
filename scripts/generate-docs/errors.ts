import { type ErrorCode, errorCodes } from '../../src/core/errors.ts'
import { problemStatuses } from '../../src/http/problem.ts'
import { sentence, table } from './markdown.ts'

const example = `{
  "type": "/api/v1/docs#error-file_not_found",
  "title": "There is no such file",
  "status": 404,
  "code": "file_not_found",
  "detail": "There is no file with this key in the bucket.",
  "requestId": "mtt7wkq3zd-5"
}`

export async function errorReference(): Promise<string> {
  const rows = Object.entries(errorCodes).map(([code, title]) => [
    `\`${code}\``,
    String(problemStatuses[code as ErrorCode]),
    sentence(title),
  ])
  return [
    '# Errors',
    'Every error is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), sent as ' +
      '`application/problem+json`:',
    `\`\`\`json\n${example}\n\`\`\``,
    '`code` is stable: act on it. `detail` is a sentence for people and may change. Some errors have further members, ' +
      'such as `errors` with one entry for each field that is not valid. `requestId` is in the `X-Request-Id` header ' +
      'of every response and in the log, where the operator finds the cause.',
    'A 503 says in `Retry-After` when to try again; a 507 means that the disk is full, and nothing was stored.',
    table(['code', 'status', 'meaning'], rows),
  ].join('\n\n')
}
