import type { S3Call } from './operation.ts'
import { S3Error } from './s3-error.ts'

/** A bucket that never had versions has one of each object, which is called `null`. */
export function checkVersion({ query }: Pick<S3Call, 'query'>): void {
  const version = query.get('versionId')
  if (version === undefined || version === 'null' || version === '') return
  throw new S3Error('NoSuchVersion', 'Buckets have no versions here, so there is `null` only.', {
    elements: { VersionId: version },
  })
}
