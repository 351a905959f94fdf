-- What is still to be told of alarms, and to whom.

-- The worst severity that an alarm has had: whoever heard of it then hears of its end too. NULL
-- for one that was raised before there were notices.
ALTER TABLE alarms ADD COLUMN worst TEXT;

-- A row from the change of an alarm, in whose transaction it is made, until its receiver has
-- taken it. document is JSON.
CREATE TABLE notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('raised', 'changed', 'cleared', 'report')),
    severity TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX notices_receiver ON notices (receiver, id);

-- The day of the last daily report, and how many notices were given up since one arrived.
CREATE TABLE receivers (
    name TEXT PRIMARY KEY,
    reported TEXT,
    dropped INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
