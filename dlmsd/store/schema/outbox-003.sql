-- Two lanes, quarantine, a counter for each fate, and every interval that has no readings.

-- lane: 0 live, 1 backfill (also what is replayed); within a lane order is by id.
ALTER TABLE deliveries ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
DROP INDEX deliveries_waiting;
DROP INDEX deliveries_waiting_meter;
CREATE INDEX deliveries_waiting ON deliveries (sink, lane) WHERE delivered_at IS NULL;
CREATE INDEX deliveries_waiting_meter ON deliveries (sink, meter, lane) WHERE delivered_at IS NULL;

-- Deliveries that a broker refuses for good, under the ids they had; each holds its reading.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    reading INTEGER NOT NULL, -- readings.id
    meter TEXT NOT NULL,
    sink TEXT NOT NULL,
    lane INTEGER NOT NULL,
    reason TEXT NOT NULL,
    since INTEGER NOT NULL
);

-- Each column is written by a statement of its own, where rows come and go, so that
-- committed = delivered + queued + quarantined + dropped can be compared.
ALTER TABLE counters RENAME TO old_counters;
CREATE TABLE counters (
    meter TEXT NOT NULL,
    sink TEXT NOT NULL,
    committed INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    queued INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (meter, sink)
) WITHOUT ROWID;
INSERT INTO counters (meter, sink, committed, delivered, queued, dropped)
    SELECT meter, sink, committed, delivered, committed - delivered - dropped, dropped
    FROM old_counters;
DROP TABLE old_counters;

-- Intervals without readings. With a sink: count readings that this sink will never get, and
-- delivered as in step 1. With sink '': a time in which the meter gave none; to_ts is NULL
-- while it lasts, filled_at tells when the meter's load profile had been read for it.
ALTER TABLE gaps RENAME TO old_gaps;
DROP INDEX gaps_newest;
DROP INDEX gaps_age;
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    meter TEXT NOT NULL,
    sink TEXT NOT NULL DEFAULT '',
    from_ts INTEGER NOT NULL,
    to_ts INTEGER,
    count INTEGER NOT NULL DEFAULT 0,
    cause TEXT NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    filled_at INTEGER
);
INSERT INTO gaps (id, meter, sink, from_ts, to_ts, count, cause, delivered)
    SELECT id, meter, sink, from_ts, to_ts, count, replace(cause, ' ', '_'), delivered
    FROM old_gaps;
DROP TABLE old_gaps;
CREATE INDEX gaps_newest ON gaps (meter, sink, cause);
CREATE INDEX gaps_age ON gaps (to_ts);

-- How far a meter's load profile has been read: the time of its last row that is in readings.
CREATE TABLE watermarks (
    meter TEXT NOT NULL,
    profile TEXT NOT NULL, -- the OBIS code
    ts INTEGER NOT NULL,
    PRIMARY KEY (meter, profile)
) WITHOUT ROWID;

-- What an operator wants sent again: deliveries up to last_id of readings from from_ts until
-- to_ts. count is known, and done_at set, when they wait again. NULL stands for all.
CREATE TABLE replays (
    id INTEGER PRIMARY KEY,
    from_ts INTEGER NOT NULL,
    to_ts INTEGER NOT NULL,
    sink TEXT,
    meter TEXT,
    quarantined INTEGER NOT NULL, -- 1: of the quarantine; 0: of what was delivered
    last_id INTEGER NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    done_at INTEGER
);
