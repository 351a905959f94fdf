-- How meters fared: a row for each meter that did anything in a minute, and the same summed by
-- hour and by day, written together. span is 60000, 3600000 or 86400000 ms, at the beginning of
-- it (UTC). In this order of the key a minute's rows are written side by side; one meter's
-- history is looked up time by time.
CREATE TABLE metrics (
    span INTEGER NOT NULL,
    at INTEGER NOT NULL,
    meter INTEGER NOT NULL,
    good INTEGER NOT NULL, -- cycles that gave a reading, now committed
    failed INTEGER NOT NULL, -- cycles that gave none
    missed INTEGER NOT NULL, -- slots that passed while an earlier cycle ran
    timed INTEGER NOT NULL, -- cycles of which the read time is known
    read_ms INTEGER NOT NULL, -- the sum of those
    least_ms INTEGER, -- the shortest and the longest
    most_ms INTEGER,
    connects INTEGER NOT NULL, -- attempts to connect
    dlms_requests INTEGER NOT NULL,
    dlms_responses INTEGER NOT NULL,
    dlms_octets_out INTEGER NOT NULL,
    dlms_octets_in INTEGER NOT NULL,
    mqtt_messages INTEGER NOT NULL, -- published, those repeated too
    mqtt_octets INTEGER NOT NULL, -- of their PUBLISH packets
    delivered INTEGER NOT NULL, -- deliveries acknowledged
    queued INTEGER NOT NULL, -- deliveries that waited at the end
    PRIMARY KEY (span, at, meter)
) WITHOUT ROWID;
