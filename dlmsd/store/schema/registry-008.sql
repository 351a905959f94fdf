-- How a meter's values were scaled: by a scaler that was known from before, or one that was asked.
ALTER TABLE metrics ADD COLUMN scales_kept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE metrics ADD COLUMN scales_asked INTEGER NOT NULL DEFAULT 0;
