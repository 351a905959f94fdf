-- The outbox: readings, who still waits for them, and the counters that prove that none is
-- lost. Times are Unix milliseconds. Whatever is counted here is counted in the transaction
-- that does it.

-- One row a cycle. values_json holds exact decimals as JSON numbers. held counts the rows of
-- deliveries that need this row: at 0 it is history and may go.
CREATE TABLE readings (
    id INTEGER PRIMARY KEY,
    meter TEXT NOT NULL,
    ts INTEGER NOT NULL,
    values_json TEXT NOT NULL,
    held INTEGER NOT NULL CHECK (held >= 0),
    UNIQUE (meter, ts) -- ThingsBoard overwrites what shares meter and ts; also serves charts
);

-- History by age, without a look at what is still held.
CREATE INDEX readings_free ON readings (ts) WHERE held = 0;

-- One row a reading and sink. AUTOINCREMENT, because publishers page by id: an id that was
-- used again would be skipped, or acknowledge a stranger.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reading INTEGER NOT NULL, -- readings.id
    meter TEXT NOT NULL,
    sink TEXT NOT NULL,
    delivered_at INTEGER -- NULL while it waits
);

-- An index ends in the row's id, so these give what waits in id order, from any id on.
CREATE INDEX deliveries_waiting ON deliveries (sink) WHERE delivered_at IS NULL;
CREATE INDEX deliveries_waiting_meter ON deliveries (sink, meter) WHERE delivered_at IS NULL;
CREATE INDEX deliveries_done ON deliveries (delivered_at) WHERE delivered_at IS NOT NULL;

-- Readings that a sink will never get: count of them, the first at from_ts, the last at to_ts.
-- delivered is the counter of the same name when the row was written: while it stands still
-- no delivery lies between, and the row may grow.
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    meter TEXT NOT NULL,
    sink TEXT NOT NULL,
    from_ts INTEGER NOT NULL,
    to_ts INTEGER NOT NULL,
    count INTEGER NOT NULL,
    cause TEXT NOT NULL,
    delivered INTEGER NOT NULL
);

CREATE INDEX gaps_newest ON gaps (meter, sink, cause);
CREATE INDEX gaps_age ON gaps (to_ts);

-- Deliveries by fate over the life of the file; committed - delivered - dropped wait.
CREATE TABLE counters (
    meter TEXT NOT NULL,
    sink TEXT NOT NULL,
    committed INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    PRIMARY KEY (meter, sink)
) WITHOUT ROWID;

-- Readings over the life of the file, and the newest ts, which outlives the reading.
CREATE TABLE meters (
    meter TEXT PRIMARY KEY,
    readings INTEGER NOT NULL,
    last_ts INTEGER NOT NULL
) WITHOUT ROWID;
