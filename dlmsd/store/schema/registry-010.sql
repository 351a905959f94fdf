-- Since when it is the one that its readings are of (Unix ms, 0: always), and by which object
-- (OBIS code) it told; and who answers instead of it, since when, '' for nobody.
ALTER TABLE serials ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE serials ADD COLUMN told_by TEXT NOT NULL DEFAULT '';
ALTER TABLE serials ADD COLUMN other TEXT NOT NULL DEFAULT '';
ALTER TABLE serials ADD COLUMN other_since INTEGER NOT NULL DEFAULT 0;
