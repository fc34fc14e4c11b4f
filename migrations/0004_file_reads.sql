-- What is read most, so that a cache can be warmed after a restart. By name, since that is what is asked for: a file that is
-- put again goes on where it was. A count halves with every midnight (UTC) since `last_read_ms`; whoever reads it does that.
CREATE TABLE file_reads (
  bucket TEXT NOT NULL,
  key TEXT NOT NULL,
  count INTEGER NOT NULL,
  last_read_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
