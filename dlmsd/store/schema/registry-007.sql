-- What was sent to receivers of notices: a row for each message that was taken, or for so many
-- attempts in a row that were not. alarms is a JSON list of ids; said is the answer or the reason.
CREATE TABLE sendings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    at INTEGER NOT NULL,
    title TEXT NOT NULL,
    alarms TEXT NOT NULL,
    taken INTEGER NOT NULL CHECK (taken IN (0, 1)),
    said TEXT NOT NULL,
    attempts INTEGER NOT NULL
);
CREATE UNIQUE INDEX sendings_failed ON sendings (receiver, at) WHERE taken = 0;
CREATE INDEX sendings_age ON sendings (at);
