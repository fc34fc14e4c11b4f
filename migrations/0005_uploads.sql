-- Uploads in parts, checksums that clients declared, who may read what, and signed links.

-- An upload under way; after its end, for a day, what it came to.
CREATE TABLE uploads (
  id TEXT PRIMARY KEY,
  bucket_id TEXT NOT NULL REFERENCES buckets (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  initiator_id TEXT NOT NULL REFERENCES users (id),
  content_type TEXT NOT NULL,
  headers TEXT NOT NULL,
  metadata TEXT NOT NULL,
  tags TEXT NOT NULL,
  visibility TEXT,
  -- JSON: instead of what the bucket says.
  compression TEXT,
  -- Of each part, and of the whole as `checksum_type` says.
  checksum_algorithm TEXT,
  checksum_type TEXT,
  created_at_ms INTEGER NOT NULL,
  completed_at_ms INTEGER,
  -- JSON: of which parts, and what was answered, so that a repeated request gets the same.
  completed TEXT
) WITHOUT ROWID;

-- Those under way, apart from what was completed.
CREATE INDEX uploads_by_key ON uploads (bucket_id, completed_at_ms, key, id);
CREATE INDEX uploads_completed ON uploads (completed_at_ms) WHERE completed_at_ms IS NOT NULL;

-- Each has a blob of its own, which counts it as it would count a file.
CREATE TABLE upload_parts (
  upload_id TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  blob_id TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  -- MD5 of the plaintext, in hexadecimal.
  etag TEXT NOT NULL,
  -- Base64, of the upload's algorithm.
  checksum TEXT,
  modified_at_ms INTEGER NOT NULL,
  PRIMARY KEY (upload_id, number)
) WITHOUT ROWID;

-- Where the parts of a file begin and end that was uploaded in parts. The bytes of a blob whose location is 'parts' are
-- those of `part_blob_id`, one after another; of another blob they are its own, and `part_blob_id` is null.
CREATE TABLE blob_parts (
  blob_id TEXT NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  -- In the plaintext of the whole: of the first byte after the part.
  end_bytes INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  part_blob_id TEXT,
  checksum TEXT,
  PRIMARY KEY (blob_id, number)
) WITHOUT ROWID;

-- With the number, since the last part may be empty.
CREATE INDEX blob_parts_by_end ON blob_parts (blob_id, end_bytes, number);
CREATE INDEX blob_parts_by_part ON blob_parts (part_blob_id) WHERE part_blob_id IS NOT NULL;

-- JSON: algorithm, type, value.
ALTER TABLE files ADD COLUMN checksum TEXT;
-- 'public': everybody may read it, though the bucket is private.
ALTER TABLE files ADD COLUMN visibility TEXT;

-- As S3 has them, in JSON.
ALTER TABLE buckets ADD COLUMN cors TEXT;
ALTER TABLE buckets ADD COLUMN tags TEXT;
ALTER TABLE buckets ADD COLUMN policy TEXT;
-- JSON, a list: everybody may read files whose keys begin like one of these.
ALTER TABLE buckets ADD COLUMN public_prefixes TEXT;

-- Signed links that were made earlier are refused.
ALTER TABLE access_keys ADD COLUMN links_revoked_before_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN links_revoked_before_ms INTEGER NOT NULL DEFAULT 0;

-- Of links that are counted or revoked; of others there is nothing to know. Ids are the user's own choice: another's may be the same.
CREATE TABLE signed_urls (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  access_key_id TEXT NOT NULL,
  revoked_at_ms INTEGER,
  uses INTEGER NOT NULL DEFAULT 0,
  -- After this the row says nothing that the link does not say itself.
  expires_at_ms INTEGER NOT NULL,
  PRIMARY KEY (user_id, id)
) WITHOUT ROWID;

CREATE INDEX signed_urls_by_expiry ON signed_urls (expires_at_ms);

ALTER TABLE guards ADD COLUMN upload INTEGER CONSTRAINT upload CHECK (upload IS NULL);
ALTER TABLE guards ADD COLUMN parts INTEGER CONSTRAINT parts CHECK (parts IS NULL);
