-- Invocation counters of ciphered associations: under a key each number serves once. They lie
-- beside the readings to share their transactions. No row is ever lowered or removed.
-- name says whose counter it is, and under which key.

-- next: the lowest number that was never handed out to be sent, at most 4294967295.
CREATE TABLE transmit_counters (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL CHECK (next BETWEEN 0 AND 4294967295)
) WITHOUT ROWID;

-- last: the highest number that was believed of another end.
CREATE TABLE received_counters (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL CHECK (last BETWEEN 0 AND 4294967295)
) WITHOUT ROWID;
