-- Requests, in a database of their own: they never delay a file's commit, and are not in a backup of files.
CREATE TABLE access_log (
  -- In the order in which they were written down. Grows only.
  number INTEGER PRIMARY KEY,
  -- When the request came.
  at_ms INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  -- Null for the public, and for who could not show who they are.
  user_id TEXT,
  method TEXT NOT NULL,
  -- A route's template, or the name of an operation of S3.
  operation TEXT NOT NULL,
  bucket TEXT,
  -- Without the query, which may hold a signature.
  path TEXT NOT NULL,
  status INTEGER NOT NULL,
  error_code TEXT,
  -- Of the content.
  bytes_received INTEGER NOT NULL,
  bytes_sent INTEGER NOT NULL,
  duration_ms REAL NOT NULL,
  -- Whether it broke off.
  aborted INTEGER NOT NULL
);

-- Of each, `number` is the last column by itself.
CREATE INDEX access_log_by_time ON access_log (at_ms);
CREATE INDEX access_log_by_user ON access_log (user_id, at_ms) WHERE user_id IS NOT NULL;
CREATE INDEX access_log_by_bucket ON access_log (bucket, at_ms) WHERE bucket IS NOT NULL;
-- What was refused or failed is little, and what is looked for.
CREATE INDEX access_log_refused ON access_log (at_ms) WHERE status >= 400;
CREATE INDEX access_log_refused_by_user ON access_log (user_id, at_ms) WHERE status >= 400 AND user_id IS NOT NULL;
CREATE INDEX access_log_refused_by_bucket ON access_log (bucket, at_ms) WHERE status >= 400 AND bucket IS NOT NULL;
