/** Every number that bounds something, with its reason. */
export const limits = Object.freeze({
  /** S3's limit on a key, in bytes of UTF-8. */
  keyBytesMax: 1024,
  /** S3's largest object. */
  fileBytesMax: 5 * 1024 ** 4,
  /** R2's bound on the metadata of an object; four times S3's. */
  metadataBytesMax: 8192,
  /** S3's limits on object tags. */
  tagsMax: 10,
  tagKeyCharsMax: 128,
  tagValueCharsMax: 256,
  /** One stored header (Content-Disposition and its like): longer than any honest one. */
  headerBytesMax: 2048,
  /** S3's page size. */
  listPageMax: 1000,
  /** Rows that a page may look at for a filter without an index: some milliseconds. */
  listScanRowsMax: 10_000,
  /** S3's limit for DeleteObjects. */
  deleteManyMax: 1000,
  /** Statements of one batch: D1 allows 1,000 queries in one invocation; each delete takes two. */
  deleteBatchMax: 400,
  /** A JSON request body: 1,000 keys of 1,024 bytes, escaped. */
  jsonBodyBytesMax: 4 * 1024 ** 2,
  /** Files of one form, and the size of its fields that are not files. */
  formFilesMax: 1000,
  formFieldBytesMax: 64 * 1024,
  /** Bytes looked at to guess a type. */
  sniffBytes: 4096,
  /** A sample that every codec is tried on: some seconds of work, and it is held in memory. */
  analyzeBytesMax: 16 * 1024 ** 2,
  /** A read that lost a race against a write is tried again this often before it is a conflict. */
  raceRetriesMax: 5,
  /** Blobs removed in one round of the collector. */
  collectBatchMax: 500,
  /** Of a job: slower ones would rest for minutes after a single piece. */
  jobBytesPerSecondMin: 64 * 1024,
  /** Names and labels of people. */
  nameCharsMax: 200,
  emailCharsMax: 254,
  /** Ten years: longer is "until revoked", which is the default. */
  tokenSecondsMax: 315_360_000,
})
