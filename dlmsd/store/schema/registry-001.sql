-- The registry: what is known of meters beside the configuration file, and who said so. Times
-- are Unix milliseconds; meter is meters.id.

-- Every meter by its name. AUTOINCREMENT: the id of a meter that is gone is never used again.
CREATE TABLE meters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL -- when it last was configured
);
CREATE INDEX meters_seen ON meters (seen_at);

-- Meters that were added by API. options is what [[meters]] would say, as JSON, but for its
-- name and its secrets; secrets is a byte for the form, and in it JSON: see sealing.py.
CREATE TABLE own_meters (
    meter INTEGER PRIMARY KEY,
    options TEXT NOT NULL,
    secrets BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- What an operator wants otherwise than the configuration says; NULL for as it says.
CREATE TABLE overrides (
    meter INTEGER PRIMARY KEY,
    status TEXT CHECK (status IN ('active', 'inactive')),
    interval REAL,
    updated_at INTEGER NOT NULL
);

-- What is read of a meter that was added by API, on top of its options.
CREATE TABLE measurements (
    meter INTEGER NOT NULL,
    measurement_name TEXT NOT NULL,
    obis_code TEXT,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    sampling_interval REAL,
    tb_key TEXT,
    PRIMARY KEY (meter, measurement_name)
) WITHOUT ROWID;

-- Who changed what, in the transaction of the change. No value of a secret is ever in it.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_age ON audit (at);
