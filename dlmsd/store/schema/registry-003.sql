-- What was noticed: alarms, diagnostics and health checks. meter is NULL where no one meter is
-- meant.

-- A row from the moment an alarm is raised; once it is cleared, it is history. rule and subject
-- say which condition of what: of each at most one stands.
CREATE TABLE alarms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL,
    subject TEXT NOT NULL,
    meter INTEGER,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
    category TEXT NOT NULL,
    message TEXT NOT NULL,
    details TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    cleared_at INTEGER,
    acknowledged_at INTEGER,
    acknowledged_by TEXT
);
CREATE UNIQUE INDEX alarms_standing ON alarms (rule, subject) WHERE cleared_at IS NULL;
CREATE INDEX alarms_age ON alarms (cleared_at) WHERE cleared_at IS NOT NULL;
CREATE INDEX alarms_meter ON alarms (meter, id);

CREATE TABLE diagnostics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    meter INTEGER,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
    category TEXT NOT NULL,
    message TEXT NOT NULL,
    raw_frame BLOB
);
CREATE INDEX diagnostics_age ON diagnostics (at);
CREATE INDEX diagnostics_meter ON diagnostics (meter, id);

-- document is JSON; status the exit code of `dlmsd health`: 0 good, 1 minor, 2 critical.
CREATE TABLE health (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX health_age ON health (at);
