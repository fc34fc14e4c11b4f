-- How a body was compressed, why, and what a sample of it showed; a bucket's own policy; totals for statistics.

-- JSON; null: the default policy.
ALTER TABLE buckets ADD COLUMN compression TEXT;

ALTER TABLE blobs ADD COLUMN level INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blobs ADD COLUMN reason TEXT NOT NULL DEFAULT 'unmeasured';
ALTER TABLE blobs ADD COLUMN gain REAL;
-- Since when the bytes are known to be damaged.
ALTER TABLE blobs ADD COLUMN damaged_at_ms INTEGER;

CREATE INDEX blobs_damaged ON blobs (damaged_at_ms) WHERE damaged_at_ms IS NOT NULL;

-- Which files share a blob: for the swap of a recompressed one, and to name what a damaged one takes along.
CREATE INDEX files_by_blob ON files (blob_id);

-- What files take, by bucket, type, codec and verdict. A shared blob counts for each of its files. Kept by triggers, so that
-- no write can forget it and no report has to read every file.
CREATE TABLE storage_totals (
  bucket_id TEXT NOT NULL REFERENCES buckets (id) ON DELETE CASCADE,
  media_type TEXT NOT NULL,
  codec TEXT NOT NULL,
  reason TEXT NOT NULL,
  files INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  PRIMARY KEY (bucket_id, media_type, codec, reason)
) WITHOUT ROWID;

INSERT INTO storage_totals
SELECT f.bucket_id, f.media_type, b.codec, b.reason, count(*), sum(b.size_bytes), sum(b.stored_bytes)
FROM files f JOIN blobs b ON b.id = f.blob_id
GROUP BY f.bucket_id, f.media_type, b.codec, b.reason;

CREATE TRIGGER totals_file_added AFTER INSERT ON files
BEGIN
  INSERT INTO storage_totals
  SELECT NEW.bucket_id, NEW.media_type, codec, reason, 1, size_bytes, stored_bytes FROM blobs WHERE id = NEW.blob_id
  ON CONFLICT (bucket_id, media_type, codec, reason) DO UPDATE SET files = files + 1,
    size_bytes = size_bytes + excluded.size_bytes, stored_bytes = stored_bytes + excluded.stored_bytes;
END;

CREATE TRIGGER totals_file_removed AFTER DELETE ON files
BEGIN
  UPDATE storage_totals SET files = files - 1, size_bytes = size_bytes - OLD.size_bytes,
    stored_bytes = stored_bytes - (SELECT stored_bytes FROM blobs WHERE id = OLD.blob_id)
  WHERE bucket_id = OLD.bucket_id AND media_type = OLD.media_type
    AND (codec, reason) = (SELECT codec, reason FROM blobs WHERE id = OLD.blob_id);
END;

CREATE TRIGGER totals_file_changed AFTER UPDATE OF blob_id, media_type ON files
WHEN OLD.blob_id <> NEW.blob_id OR OLD.media_type <> NEW.media_type
BEGIN
  UPDATE storage_totals SET files = files - 1, size_bytes = size_bytes - OLD.size_bytes,
    stored_bytes = stored_bytes - (SELECT stored_bytes FROM blobs WHERE id = OLD.blob_id)
  WHERE bucket_id = OLD.bucket_id AND media_type = OLD.media_type
    AND (codec, reason) = (SELECT codec, reason FROM blobs WHERE id = OLD.blob_id);
  INSERT INTO storage_totals
  SELECT NEW.bucket_id, NEW.media_type, codec, reason, 1, size_bytes, stored_bytes FROM blobs WHERE id = NEW.blob_id
  ON CONFLICT (bucket_id, media_type, codec, reason) DO UPDATE SET files = files + 1,
    size_bytes = size_bytes + excluded.size_bytes, stored_bytes = stored_bytes + excluded.stored_bytes;
END;

CREATE TRIGGER totals_empty AFTER UPDATE ON storage_totals WHEN NEW.files = 0
BEGIN
  DELETE FROM storage_totals WHERE bucket_id = NEW.bucket_id AND media_type = NEW.media_type
    AND codec = NEW.codec AND reason = NEW.reason;
END;
