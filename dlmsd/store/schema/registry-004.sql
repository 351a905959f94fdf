-- What a platform calls a meter's device since somebody renamed it there; it counts for as long
-- as the configuration calls it renamed_from.
ALTER TABLE overrides ADD COLUMN device_name TEXT;
ALTER TABLE overrides ADD COLUMN renamed_from TEXT;
