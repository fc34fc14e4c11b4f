import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AdviceKind, adviceKinds } from '../../src/core/database-advice/advice.ts'
import { readAdvice } from '../../src/core/database-advice/read.ts'
import { bind } from '../../src/core/ports/database.ts'
import type { Inspection } from '../../src/core/ports/database-inspector.ts'
import { listTokens } from '../../src/core/statements/accounts.ts'
import { blobIsUsed } from '../../src/core/statements/rewrite.ts'
import { putSetting } from '../../src/core/statements/settings.ts'
import { listPlantedTypes, plantFilesIn, plantIn } from './planted.ts'
import { openTestCore, type TestCore } from './test-core.ts'

let opened: TestCore
beforeEach(async () => {
  opened = await openTestCore()
})
afterEach(() => opened.close())

const mebibyte = 1024 ** 2
const plant = (text: string) => plantIn(opened.folder, text)
const plantFiles = (count: number, from = 1) => plantFilesIn(opened.folder, { count, from })
const kindsNow = async () => {
  const { advice } = await readAdvice(opened.core, opened.admin, { windowSeconds: 3600 })
  return advice.map(({ kind }) => kind)
}

const askForBlob = () =>
  opened.core.database.batch([{ statement: blobIsUsed as never, values: ['o'] }]).catch(() => {})
const listTypes = () => listPlantedTypes(opened.core)

/** Pages that are used, and pages that are not. */
function plantPages({ usedBytes, freeBytes }: { usedBytes: number; freeBytes: number }): void {
  plant(`INSERT INTO settings (name, value) VALUES ('used', zeroblob(${usedBytes})), ('free', zeroblob(${freeBytes}));
    DELETE FROM settings WHERE name = 'free'`)
}

async function writeMebibytes(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const value = String.fromCharCode(97 + (at % 26)).repeat(mebibyte)
    await opened.core.database.batch([bind(putSetting, { name: 'long', value })])
  }
}

/** As a backup does, or a shell that somebody forgot. */
async function readingMeanwhile(work: () => Promise<void>): Promise<void> {
  const other = new DatabaseSync(join(opened.folder, 'cutty.db'), { readOnly: true })
  other.exec('BEGIN; SELECT count(*) FROM settings')
  await work()
  other.close()
}

interface Planted {
  readonly planted: () => unknown
  /** What comes close. */
  readonly opposites: Readonly<Record<string, () => unknown>>
}

/** Whoever adds a kind of advice is asked for its cases by the compiler. */
const cases: Readonly<Record<AdviceKind, Planted>> = {
  full_scan: {
    async planted() {
      plantFiles(1000)
      plant('DROP INDEX files_by_blob; ANALYZE')
      await askForBlob()
    },
    opposites: {
      async 'the table has 999 rows'() {
        plantFiles(999)
        plant('DROP INDEX files_by_blob; ANALYZE')
        await askForBlob()
      },
      'nobody ran it'() {
        plantFiles(1000)
        plant('DROP INDEX files_by_blob; ANALYZE')
      },
      async 'the index is there'() {
        plantFiles(1000)
        plant('ANALYZE')
        await askForBlob()
      },
    },
  },
  temporary_sort: {
    async planted() {
      plantFiles(1000)
      plant('DROP INDEX files_by_type; ANALYZE')
      await listTypes()
    },
    opposites: {
      async 'the table has 999 rows'() {
        plantFiles(999)
        plant('DROP INDEX files_by_type; ANALYZE')
        await listTypes()
      },
      'nobody ran it'() {
        plantFiles(1000)
        plant('DROP INDEX files_by_type; ANALYZE')
      },
      async 'the index is there'() {
        plantFiles(1000)
        plant('ANALYZE')
        await listTypes()
      },
    },
  },
  unused_index: {
    planted: () => plant('CREATE INDEX by_etag ON files (etag)'),
    opposites: {
      'a statement reads by it': () =>
        plant('DROP INDEX files_by_type; CREATE INDEX of_an_operator ON files (bucket_id, media_type, key)'),
      'it keeps values unique': () => plant('CREATE UNIQUE INDEX by_etag ON files (etag, bucket_id, key)'),
      async 'only a database of which nothing is known reads by it'() {
        plant(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
          INSERT INTO api_tokens (id, user_id, label, token_hash, created_at_ms)
          SELECT printf('%08d', i), '${opened.adminKey.userId}', 'l', CAST(i AS BLOB), 0 FROM n; ANALYZE`)
        const inspection = await opened.core.database.inspector?.inspect([listTokens as never])
        const planOf = (plans: Inspection['plans'] | undefined) => plans?.get(listTokens.name)?.join()
        expect(planOf(inspection?.plans)).not.toContain('api_tokens_by_user')
        expect(planOf(inspection?.plansWithoutStatistics)).toContain('api_tokens_by_user')
      },
    },
  },
  statistics_due: {
    planted() {
      plantFiles(1000)
      plant('ANALYZE')
      plantFiles(1001, 1001)
    },
    opposites: {
      'there are twice as many rows, and not more'() {
        plantFiles(1000)
        plant('ANALYZE')
        plantFiles(1000, 1001)
      },
      'there are half as many rows, and not fewer'() {
        plantFiles(2000)
        plant(`ANALYZE; DELETE FROM files WHERE key > '00001000'`)
      },
      'what was never counted has 999 rows': () => plantFiles(999),
    },
  },
  free_space: {
    planted: () => plantPages({ usedBytes: 8 * mebibyte, freeBytes: 5 * mebibyte }),
    opposites: {
      'a quarter is in use by nobody, and not more': () =>
        plantPages({ usedBytes: 20 * mebibyte, freeBytes: 5 * mebibyte }),
      'it is little': () => plantPages({ usedBytes: mebibyte, freeBytes: 3 * mebibyte }),
    },
  },
  large_log: {
    planted: () => readingMeanwhile(() => writeMebibytes(70)),
    opposites: {
      'as much was written, and nobody read meanwhile': () => writeMebibytes(70),
      'little was written meanwhile': () => readingMeanwhile(() => writeMebibytes(40)),
    },
  },
}

describe.each(Object.keys(adviceKinds) as AdviceKind[])('advice of the kind %s', (kind) => {
  const { planted, opposites } = cases[kind]

  test('is found where it was planted, and nothing else', async () => {
    await planted()
    expect(await kindsNow()).toEqual([kind])
  })

  test.each(Object.keys(opposites))('is not found where %s', async (opposite) => {
    await opposites[opposite]?.()
    expect(await kindsNow()).toEqual([])
  })
})

test('of a log that has grown the size is told, as long as the file has it, and no call could change that', async () => {
  await cases.large_log.planted()
  const { advice } = await readAdvice(opened.core, opened.admin, { windowSeconds: 3600 })
  const [found] = advice
  expect(found).toMatchObject({ id: 'large_log', action: { text: undefined, change: undefined } })
  expect(found?.measured['logBytes']).toBeGreaterThan(70 * mebibyte)
  expect(found?.finding).toContain(String(found?.measured['logBytes']))
  // Nobody reads any longer: what is written goes to the beginning of the file, which keeps its size.
  await writeMebibytes(40)
  const after = await readAdvice(opened.core, opened.admin, { windowSeconds: 3600 })
  const grownBytes = Number(after.advice[0]?.measured['logBytes']) - Number(found?.measured['logBytes'])
  expect(grownBytes).toBeGreaterThanOrEqual(0)
  expect(grownBytes).toBeLessThan(2 * mebibyte)
})
