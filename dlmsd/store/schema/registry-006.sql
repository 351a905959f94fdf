-- Each end of a connection, of a meter's own or of a sink's, or an attempt at the very first that
-- came to nothing. sink is '' for the meter's own; meter is 0 where a sink's one connection is for
-- all meters. A row from the moment it ends; over_at is when that was over: back is 1 if the
-- connection stood again, 0 if nobody wanted it any more. stood is ms, NULL for one that never
-- did; evidence is a JSON list of sentences.
CREATE TABLE disconnects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    meter INTEGER NOT NULL,
    at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    message TEXT NOT NULL,
    evidence TEXT NOT NULL,
    stood INTEGER,
    attempts INTEGER NOT NULL,
    over_at INTEGER,
    back INTEGER NOT NULL CHECK (back IN (0, 1)),
    UNIQUE (sink, meter, at)
);
CREATE INDEX disconnects_age ON disconnects (at);
CREATE INDEX disconnects_meter ON disconnects (meter, id);
CREATE INDEX disconnects_open ON disconnects (sink, meter) WHERE over_at IS NULL;
