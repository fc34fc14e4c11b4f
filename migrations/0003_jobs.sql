-- Work in the background: what is to be done, how far it came, who is at it.

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  -- Null: the service's own.
  owner_id TEXT REFERENCES users (id),
  params TEXT NOT NULL,
  -- queued, running, done, failed or cancelled.
  state TEXT NOT NULL,
  -- What the work knows, as of its last step; null before the first.
  state_json TEXT,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  -- Who runs it, and until when nobody else may: of a process that died, the time runs out.
  runner TEXT,
  lease_until_ms INTEGER NOT NULL DEFAULT 0,
  -- How often it was begun or gone on with since the last step that ended.
  attempts INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  created_at_ms INTEGER NOT NULL,
  started_at_ms INTEGER,
  updated_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER
) WITHOUT ROWID;

CREATE INDEX jobs_by_owner ON jobs (owner_id, id);
CREATE INDEX jobs_by_kind ON jobs (kind, id);
CREATE INDEX jobs_unfinished ON jobs (id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_finished ON jobs (finished_at_ms) WHERE finished_at_ms IS NOT NULL;

-- The codec and level, as `zstd 19`, that were tried on a blob without saving enough, so that they are not tried again (R21).
ALTER TABLE blobs ADD COLUMN tried TEXT;
