-- What statements cost, an hour of one process in a row: merged when it is read. `writer` is made up afresh for each hour of each
-- process, so that nobody ever writes over what another has counted, or over the same hour of before the clock went back.
CREATE TABLE statement_stats (
  -- Since 1970.
  hour INTEGER NOT NULL,
  writer TEXT NOT NULL,
  statement TEXT NOT NULL,
  -- When the writer began to count.
  from_ms INTEGER NOT NULL,
  -- Those that failed among them.
  runs INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  rows_read INTEGER NOT NULL,
  rows_written INTEGER NOT NULL,
  -- Of those that did not fail.
  total_ms REAL NOT NULL,
  cache_hits INTEGER NOT NULL,
  cache_misses INTEGER NOT NULL,
  -- Of the same; see core/statement-stats/histogram.ts.
  durations BLOB NOT NULL,
  PRIMARY KEY (hour, writer, statement)
) WITHOUT ROWID;
