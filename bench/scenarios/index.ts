import { brokenTier } from './broken-tier.ts'
import { cacheHit } from './cache-hit.ts'
import { get1KibMany } from './get-1kib-many.ts'
import { get1KibPrivate } from './get-1kib-private.ts'
import { get1KibSteady } from './get-1kib-steady.ts'
import { get1Kib } from './get-1kib.ts'
import { get1MibText } from './get-1mib-text.ts'
import { get1Mib } from './get-1mib.ts'
import { getCodedLarge, getCodedSmall } from './get-coded.ts'
import { get64Mib } from './get-64mib.ts'
import { indexCost } from './index-cost.ts'
import { indexes } from './indexes.ts'
import { inlineThreshold } from './inline-threshold.ts'
import { list1M } from './list-1m.ts'
import { listingDepth } from './listing-depth.ts'
import { memory1GibRandom, memory1GibText } from './memory-1gib.ts'
import { multipart1GibRandom, multipart1GibText } from './multipart-1gib.ts'
import { pointLookup } from './point-lookup.ts'
import { put1Kib } from './put-1kib.ts'
import { put1MibText } from './put-1mib-text.ts'
import { put1Mib } from './put-1mib.ts'
import { put16MibRandom, put16MibText } from './put-16mib.ts'
import { queryCache } from './query-cache.ts'
import { rangeCompressed } from './range-compressed.ts'
import { s3Get1Kib } from './s3-get-1kib.ts'
import { s3Put1Kib } from './s3-put-1kib.ts'
import { signatureFuzz } from './signature-fuzz.ts'
import { signing } from './signing.ts'
import { slowSource } from './slow-source.ts'
import type { Scenario } from '../harness/scenario.ts'

/** In the order in which they are run and reported. */
export const scenarios: readonly Scenario[] = [
  get1Kib,
  get1KibPrivate,
  get1KibMany,
  get1KibSteady,
  get1Mib,
  get1MibText,
  get64Mib,
  put1Kib,
  put1Mib,
  put1MibText,
  put16MibText,
  put16MibRandom,
  getCodedSmall,
  getCodedLarge,
  rangeCompressed,
  cacheHit,
  slowSource,
  queryCache,
  brokenTier,
  memory1GibRandom,
  memory1GibText,
  signing,
  s3Get1Kib,
  s3Put1Kib,
  multipart1GibRandom,
  multipart1GibText,
  signatureFuzz,
  list1M,
  listingDepth,
  pointLookup,
  indexes,
  indexCost,
  inlineThreshold,
]
