import { afterAll, beforeAll, describe } from 'vitest'
import { accessLogTests } from './http/access-log.ts'
import { accessTests } from './http/access.ts'
import { accountTests } from './http/accounts.ts'
import { bucketTests } from './http/buckets.ts'
import { cacheTests } from './http/cache.ts'
import { codedConditionTests, codedRangeTests } from './http/coded-conditions.ts'
import { compressionPolicyTests, storingTests } from './http/compression.ts'
import { conditionTests } from './http/conditions.ts'
import { databaseAdviceTests } from './http/database-advice.ts'
import { databaseStatsTests } from './http/database-stats.ts'
import { documentTests } from './http/documents.ts'
import { fileTests } from './http/files.ts'
import { formTests } from './http/forms.ts'
import { integrityTests } from './http/integrity.ts'
import { jobTests } from './http/jobs.ts'
import { keyTests } from './http/keys.ts'
import { listingTests } from './http/listing.ts'
import { clientCodingTests, negotiationTests } from './http/negotiation.ts'
import { readingTests } from './http/reading.ts'
import { setStage, type Stage } from './http/stage.ts'
import { signedUrlTests } from './http/signed-urls.ts'
import { storageStatsTests } from './http/storage-stats.ts'
import type { HttpSubject } from './http/subject.ts'
import { transferTests } from './http/transfers.ts'

/**
 * What the application promises to whoever speaks HTTP with it, on every runtime and over every way in. `more` adds
 * what one way in promises beyond that.
 */
export function httpContract(
  name: string,
  start: () => Promise<HttpSubject>,
  ...more: readonly ((stage: Stage) => void)[]
): void {
  describe(name, () => {
    const stage = {} as Stage
    beforeAll(async () => {
      Object.assign(stage, await setStage(await start()))
    })
    afterAll(() => stage.subject.stop())

    bucketTests(stage)
    fileTests(stage)
    keyTests(stage)
    readingTests(stage)
    conditionTests(stage)
    integrityTests(stage)
    storingTests(stage)
    compressionPolicyTests(stage)
    negotiationTests(stage)
    clientCodingTests(stage)
    codedConditionTests(stage)
    codedRangeTests(stage)
    formTests(stage)
    transferTests(stage)
    listingTests(stage)
    accountTests(stage)
    accessTests(stage)
    signedUrlTests(stage)
    documentTests(stage)
    storageStatsTests(stage)
    jobTests(stage)
    accessLogTests(stage)
    cacheTests(stage)
    databaseStatsTests(stage)
    databaseAdviceTests(stage)
    for (const tests of more) tests(stage)
  })
}
