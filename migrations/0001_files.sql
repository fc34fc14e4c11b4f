-- Files, blobs and accounts. Read by SQLite and by D1 as it is; times are milliseconds since 1970, ids are
-- 26 characters ordered by time. Text compares by the bytes of UTF-8 (SQLite's BINARY), which is the order
-- that listings promise (R48).

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  disabled_at_ms INTEGER
) WITHOUT ROWID;

-- The secret is kept, encrypted with the master key, because SigV4 cannot be verified with a hash of it.
CREATE TABLE access_keys (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  label TEXT NOT NULL,
  secret_encrypted BLOB NOT NULL,
  created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX access_keys_by_user ON access_keys (user_id, id);

CREATE TABLE api_tokens (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  label TEXT NOT NULL,
  token_hash BLOB NOT NULL UNIQUE,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER
) WITHOUT ROWID;

CREATE INDEX api_tokens_by_user ON api_tokens (user_id, id);

CREATE TABLE buckets (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  owner_id TEXT NOT NULL REFERENCES users (id),
  visibility TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX buckets_by_owner ON buckets (owner_id, name);

-- Everything about stored bytes in one record (R20). `references_count` counts the files that point here;
-- at zero the blob is garbage since `garbage_since_ms` and is collected after a grace period (R47).
CREATE TABLE blobs (
  id TEXT PRIMARY KEY,
  location TEXT NOT NULL,
  codec TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  frame_bytes INTEGER NOT NULL,
  frame_index BLOB,
  sha256 BLOB NOT NULL,
  references_count INTEGER NOT NULL,
  garbage_since_ms INTEGER,
  created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX blobs_garbage ON blobs (garbage_since_ms) WHERE garbage_since_ms IS NOT NULL;

-- The bytes of blobs whose location is 'row'.
CREATE TABLE blob_bodies (
  blob_id TEXT PRIMARY KEY REFERENCES blobs (id) ON DELETE CASCADE,
  bytes BLOB NOT NULL
);

-- A row is one version of a key; today every key has one. What listings and headers need is here, so
-- that neither reads `blobs`; all of it derives from the plaintext (R3), so it survives recompression.
CREATE TABLE files (
  bucket_id TEXT NOT NULL REFERENCES buckets (id),
  key TEXT NOT NULL,
  version_id TEXT NOT NULL,
  blob_id TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  etag TEXT NOT NULL,
  content_type TEXT NOT NULL,
  media_type TEXT NOT NULL,
  headers TEXT NOT NULL,
  metadata TEXT NOT NULL,
  tags TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  modified_at_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket_id, key)
) WITHOUT ROWID;

CREATE INDEX files_by_type ON files (bucket_id, media_type, key);
CREATE INDEX files_by_modified ON files (bucket_id, modified_at_ms, key);
CREATE INDEX files_by_size ON files (bucket_id, size_bytes, key);

-- An insert here always fails, and with it the batch it stands in: that is how a batch says "only if".
-- The column that was given names the condition in the error.
CREATE TABLE guards (
  source INTEGER CONSTRAINT source CHECK (source IS NULL),
  destination INTEGER CONSTRAINT destination CHECK (destination IS NULL),
  last_admin INTEGER CONSTRAINT last_admin CHECK (last_admin IS NULL)
);

-- Single facts the service keeps about itself.
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
