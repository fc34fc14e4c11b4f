import { absentOperations } from '../../src/http/s3/operations/absent.ts'
import type { AbsentOperation, Scope } from '../../src/http/s3/operation.ts'
import { operations } from '../../src/http/s3/s3.ts'
import { sentence, table } from './markdown.ts'

const scopes: Record<Scope, string> = { service: '/', bucket: '/{bucket}', object: '/{bucket}/{key}' }

export async function s3Reference(): Promise<string> {
  const names = new Set<string>()
  const rows = [
    ...operations.map((operation) => ({ operation, state: operation.lacks ? 'partly' : 'yes' })),
    ...absentOperations.map((operation) => ({ operation, state: 'no' })),
  ]
    // One that several parameters ask for is one.
    .filter(({ operation: { name } }) => !names.has(name) && names.add(name))
    .toSorted((a, b) => (a.operation.name < b.operation.name ? -1 : 1))
  const count = (state: string) => rows.filter((row) => row.state === state).length
  const offered = rows
    .filter(({ state }) => state !== 'no')
    .map(({ operation, state }) => [
      operation.name,
      requestLine(operation),
      state,
      [
        operation.lacks && sentence(`Not offered: ${operation.lacks}`),
        operation.notes && sentence(operation.notes),
      ]
        .filter(Boolean)
        .join(' '),
    ])
  const absent = rows
    .filter(({ state }) => state === 'no')
    .map(({ operation, state }) => [operation.name, requestLine(operation), state])
  return [
    '# S3',
    'The endpoint of S3 is the root of the server, path-style (`/bucket/key`), and `bucket.host` where a base domain is ' +
      'configured. It has the same files as the [REST API](api.md): what is put by the one is read by the other.',
    'What is not offered is answered with 501 `NotImplemented`, and so is a header or an element that would promise what is ' +
      'not kept. A subresource with a method that it does not have is 405 `MethodNotAllowed`, so that `DELETE /bucket?acl` ' +
      'deletes no bucket.',
    `Of the ${rows.length} operations of S3, ${count('yes')} are offered, ${count('partly')} in part, and ${count('no')} are not.`,
    '## Offered',
    table(['operation', 'request', 'state', 'notes'], offered),
    '## Not offered',
    table(['operation', 'request', 'state'], absent),
    '## Beyond single operations',
    [
      '- Signatures: version 4, in headers, in the query of a URL and in POST forms; version 2 is not accepted. Any region will do.',
      '- Regions, other storage classes than STANDARD, encryption by request, object lock: there are none. Headers that ask for ' +
        'one are refused.',
      '- Versions: every object has one, which is called `null`.',
      '- Access: the owner of a bucket and administrators may do anything with it; others may read what is public, be it by ' +
        'the bucket, by its policy or by the ACL of an object. A public bucket cannot be listed by others.',
      '- `encoding-type=url` encodes as S3 does: a space as `+`, slashes and `*` as they are.',
      '- CORS: rules apply to the requests of S3. A preflight says the same of a bucket that is not there and of one without ' +
        'a rule for it.',
    ].join('\n'),
  ].join('\n\n')
}

function requestLine({ method, scope, parameter, header }: AbsentOperation): string {
  const query = parameter === undefined ? '' : `?${parameter}${parameter === 'list-type' ? '=2' : ''}`
  return `\`${method} ${scopes[scope]}${query}\`${header === undefined ? '' : ` with \`${header}\``}`
}
