-- When what is in the file of a loss was owed again, as far as it was there; NULL: not yet. What
-- is delivered is forgotten before its reading, so that later nobody could tell who had it.
ALTER TABLE gaps ADD COLUMN restored_at INTEGER;
