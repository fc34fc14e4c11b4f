/** Every number that bounds something, with its reason. */
export const limits = Object.freeze({
  /** S3's limit on a key, in bytes of UTF-8. */
  keyBytesMax: 1024,
  /** S3's largest object. */
  fileBytesMax: 5 * 1024 ** 4,
  /** S3's limits on the parts of an upload; the last may be smaller. */
  partsMax: 10_000,
  partBytesMin: 5 * 1024 ** 2,
  partBytesMax: 5 * 1024 ** 3,
  /** An upload that nobody ended: R2 and the usual rules of S3 buckets give it a week. */
  uploadSecondsMax: 7 * 86_400,
  /** How long it is known that an upload was completed, for a client that did not hear of it. */
  completedUploadSeconds: 86_400,
  /** Uploads that are ended in one round: each may let go of 10,000 blobs. */
  expireBatchMax: 50,
  /** R2's bound on the metadata of an object; four times S3's. */
  metadataBytesMax: 8192,
  /** S3's limits on object tags. */
  tagsMax: 10,
  tagKeyCharsMax: 128,
  tagValueCharsMax: 256,
  /** S3's limit on tags of a bucket. */
  bucketTagsMax: 50,
  /** S3's limits on rules for other origins: in number, and in bytes all together. */
  corsRulesMax: 100,
  corsBytesMax: 64 * 1024,
  /** S3's limit on a bucket policy. */
  policyBytesMax: 20 * 1024,
  /** S3's largest page of buckets. */
  bucketPageMax: 10_000,
  /** One stored header (Content-Disposition and its like): longer than any honest one. */
  headerBytesMax: 2048,
  /** S3's page size. */
  listPageMax: 1000,
  /** Rows that a page may look at for a filter without an index: some milliseconds. */
  listScanRowsMax: 10_000,
  /** The same of the access log, where each row is looked up by itself. */
  accessScanRowsMax: 2000,
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
  /** Of these, files that were uploaded in parts: each may have 10,000. */
  collectCompositesMax: 10,
  /** Of a job: slower ones would rest for minutes after a single piece. */
  jobBytesPerSecondMin: 64 * 1024,
  /** Names and labels of people. */
  nameCharsMax: 200,
  emailCharsMax: 254,
  /** Ten years: longer is "until revoked", which is the default. */
  tokenSecondsMax: 315_360_000,
  /** S3's limit on the life of a signed URL, seven days; of its window and its life together. */
  linkSecondsMax: 604_800,
  /** Links that are made with one request: a page of keys. */
  linksBatchMax: 1000,
  /** An id of a link: longer than any that is made here. */
  linkIdCharsMax: 64,
  /** S3's limit on what comes before the file in a POST form. */
  postFieldsBytesMax: 20 * 1024,
})
