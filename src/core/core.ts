import type { AccessLog } from './access-log/access-log.ts'
import type { ByteCache } from './cache/byte-cache.ts'
import type { CacheStats } from './cache/cache-stats.ts'
import type { ReadCounts } from './cache/read-counts.ts'
import type { CodecName } from './compression/codec.ts'
import type { Namespace, QueryCache } from './cache/query-cache.ts'
import type { CorsRule } from './files/cors.ts'
import type { Pointer } from './files/file.ts'
import type { IdSource } from './ids.ts'
import type { ReadRows } from './kept-statements.ts'
import type { Background } from './ports/background.ts'
import type { BlobStore } from './ports/blob-store.ts'
import type { Clock } from './ports/clock.ts'
import type { Database } from './ports/database.ts'
import type { Observer } from './ports/observer.ts'
import type { Room } from './ports/room.ts'
import type { AccessKeyCredentialRow, TokenCredentialRow } from './statements/accounts.ts'
import type { SignedUrlRow } from './statements/signed-urls.ts'
import type { SecretBox } from './accounts/secret-box.ts'
import type { SignedBookmarks } from './signed-bookmarks.ts'
import type { StatementRuns } from './statement-stats/runs.ts'

/** What this runtime can compress. */
export interface CompressionParts {
  /** Codecs that passed their self-test here (R23). The others are out of service. */
  readonly available: ReadonlySet<CodecName>
  /** Frames of one body that are compressed at one time: as many as there are cores. */
  readonly framesAtOnce: number
  /** Bodies that are longer, as far as it is known, are kept as they are: where processor time is bounded. */
  readonly compressBytesMax: number
  /** The same, of what is stored already and made smaller in the background. */
  readonly recompressBytesMax: number
}

/** The parts that an entry joins. Every operation of the core takes them first. */
export interface Core {
  readonly database: Database
  readonly blobs: BlobStore
  readonly room: Room
  readonly compression: CompressionParts
  /** Bytes of blobs, under their ids. */
  readonly cache: ByteCache
  readonly cacheStats: CacheStats
  /** What was read of the database. `database` is the one that tells it of each write. */
  readonly rows: Pick<QueryCache, 'clear' | 'stats'> & { readonly read: ReadRows }
  readonly pointers: Namespace<{ bucketName: string; key: string }, Pointer>
  /** Of buckets that have any. */
  readonly cors: Namespace<{ name: string }, readonly CorsRule[]>
  readonly accessKeys: Namespace<{ id: string }, AccessKeyCredentialRow>
  readonly tokens: Namespace<{ tokenHash: Uint8Array }, TokenCredentialRow>
  /** Of signed links, whether they were revoked. */
  readonly signedUrls: Namespace<{ userId: string; id: string }, SignedUrlRow>
  /** Of files, for those who warm a cache. */
  readonly reads: ReadCounts
  /** What statements cost; the adapter of `database` tells it. */
  readonly statementRuns: StatementRuns
  /** Absent: none is kept. */
  readonly accessLog?: AccessLog | undefined
  readonly clock: Clock
  readonly ids: IdSource
  readonly background: Background
  /** Says that there is a job to be done. Returns at once. */
  readonly wakeJobs: () => void
  readonly observe: Observer
  readonly secrets: SecretBox
  /** Absent: the database has no copies that lag. */
  readonly bookmarks?: SignedBookmarks | undefined
}
