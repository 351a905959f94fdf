"""Copies what can be read of a damaged outbox file into a new one, what matters most first."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from dlmsd.dlms.security.counter import COUNTER_END
from dlmsd.model import GapCause
from dlmsd.store import leaves
from dlmsd.store.counters import Stream
from dlmsd.store.database import Database, explain, transaction
from dlmsd.store.gaps import record_loss
from dlmsd.store.invocation import UNKNOWN, reserve
from dlmsd.store.mend import mended
from dlmsd.store.rescue import (
    FAR,
    ROWS,
    UNREADABLE,
    columns,
    copy_table,
    fold,
    go_on_above,
    last_ids,
    walk,
    wreck,
)
from dlmsd.store.values import decode_values

# More numbers than can have been reserved since the last checkpoint of the log, which holds
# 65,536 frames and a few more: 1,000 with each, and one in 64 of all.
JUMP: Final = 1 << 26

_REST: Final = ("gaps", "watermarks", "meters")
_RECOUNT_METERS: Final = """
    INSERT INTO meters (meter, readings, last_ts)
    SELECT meter, count(*), max(ts) FROM readings WHERE true GROUP BY meter
    ON CONFLICT (meter) DO UPDATE SET readings = max(readings, excluded.readings),
        last_ts = max(last_ts, excluded.last_ts)
"""
_SEEN: Final = """
    CREATE TEMP TABLE seen (id INTEGER PRIMARY KEY, reading, meter, sink, lane, waits)
"""
_SEE: Final = """
    INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET waits = min(waits, excluded.waits)
"""
_UNKNOWN: Final = """
    SELECT id, reading, meter, sink, lane FROM seen
    WHERE waits AND id < ? AND id NOT IN (SELECT id FROM deliveries)
        AND id NOT IN (SELECT id FROM quarantine) AND reading IN (SELECT id FROM readings)
    ORDER BY id DESC LIMIT ?
"""
_ADD: Final = "INSERT INTO deliveries (id, reading, meter, sink, lane) VALUES (?, ?, ?, ?, ?)"
_LAST_ID: Final = """
    SELECT coalesce(max(id), 0)
    FROM (SELECT id FROM deliveries UNION ALL SELECT id FROM quarantine)
"""
_HOLD: Final = "UPDATE readings SET held = held + 1 WHERE id = ?"
_OLDEST_WAITING: Final = """
    SELECT min(CASE d.lane WHEN 0 THEN r.ts END), min(CASE d.lane WHEN 1 THEN r.ts END)
    FROM deliveries d JOIN readings r ON r.id = d.reading
    WHERE d.meter = ? AND d.sink = ? AND d.delivered_at IS NULL
"""
_ACCOUNT: Final = """
    INSERT INTO counters (meter, sink, committed, delivered, queued, quarantined, dropped)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def salvage(path: Path, new: Database, now: int) -> str:
    """Copy into ``new``, which is empty; what was kept, in words. ``now`` is in ms.

    Raises StoreError for what is wrong with the new file.
    """
    rescue = _Rescue(path, new)
    try:
        with mended(path, new) as whole, suppress(*UNREADABLE), closing(wreck(whole)) as source:
            rescue.copy(source, whole)
        rescue.raise_counters(now // 1000)
        rescue.raise_ids()
        lost = rescue.recount(now)
        fold(new)
    except (sqlite3.Error, OSError) as error:
        raise explain(path, error) from error
    missing = f"{lost}" if rescue.counted else "an unknown number of"
    return (
        f"{rescue.waiting} deliveries that wait and {rescue.readings} readings of it are kept, "
        f"{missing} deliveries are lost"
    )


class _Rescue:
    def __init__(self, path: Path, new: Database) -> None:
        self._new = new
        self._accounts: dict[Stream, tuple[int, int, int]] = {}
        self._delivered: dict[Stream, int] = {}
        self._torn = False
        self._last_id = 0
        self.readings = self.waiting = 0

    @property
    def counted(self) -> bool:
        """Whether the damaged file told how many deliveries there are."""
        return bool(self._accounts)

    def copy(self, source: sqlite3.Connection, path: Path) -> None:
        """As much as can be read."""
        for table in ("transmit_counters", "received_counters", *_REST):
            copy_table(source, self._new, table)
        with suppress(*UNREADABLE), closing(source.cursor()) as cursor:
            for meter, sink, *counts in cursor.execute(
                "SELECT meter, sink, committed, delivered, dropped FROM counters"
            ):
                if all(type(count) is int and count >= 0 for count in counts):
                    self._accounts[meter, sink] = (counts[0], counts[1], counts[2])
        self._last_id = last_ids(source).get("deliveries", 0)
        self._readings(source)
        self._deliveries(source, "deliveries")
        self._deliveries(source, "quarantine")
        self._last_delivered(source)
        if self._torn:
            self._from_leaves(path)

    def raise_counters(self, seconds: int) -> None:
        """No invocation counter may come twice: neither one that was read from an old state,
        nor one that was not read at all. Of those nothing is known but that no client has
        sent a message a second since 1970."""
        with transaction(self._new):
            self._new.execute(
                "UPDATE transmit_counters SET next = min(next + ?, ?)", (JUMP, COUNTER_END)
            )
            ((highest,),) = self._new.execute(
                "SELECT coalesce(max(next), 0) FROM transmit_counters"
            )
            # A file that was salvaged before has such a floor already.
            reserve(self._new, UNKNOWN, min(max(seconds, highest), COUNTER_END), 0)

    def raise_ids(self) -> None:
        """No delivery may get an id that another had, which may be in quarantine under it."""
        with transaction(self._new):
            ((found,),) = self._new.execute(_LAST_ID)
            go_on_above(self._new, "deliveries", max(self._last_id, found))

    def recount(self, now: int) -> int:
        """Counters by the rows that are there; how many deliveries are neither here nor done."""
        found = self._found()
        all_lost = 0
        with transaction(self._new):
            self._new.execute("UPDATE gaps SET cause = replace(cause, ' ', '_')")
            self._new.execute(_RECOUNT_METERS)
            for stream in sorted(self._accounts.keys() | found.keys()):
                _, delivered, dropped = self._accounts.get(stream, (0, 0, 0))
                waits, held = found.get(stream, (0, 0))
                lost = self._missing(stream, waits + held)
                dropped += lost
                committed = delivered + waits + held + dropped
                self._new.execute(_ACCOUNT, (*stream, committed, delivered, waits, held, dropped))
                if lost:
                    known = self._known_until(stream)
                    since = now if known is None else min(known, now)
                    record_loss(self._new, stream, GapCause.OUTBOX_DAMAGED, since, now, lost)
                all_lost += lost
        return all_lost

    def _known_until(self, stream: Stream) -> int | None:
        """After which of its readings (ts) a stream may have lost some: the last that is known
        to be delivered, or the oldest that waits, which in the backfill lane may be older; else
        the last that the meter is known to have given."""
        ask = self._new.execute
        ((live, old),) = ask(_OLDEST_WAITING, stream)
        delivered = ask("SELECT ts FROM readings WHERE id = ?", (self._delivered.get(stream),))
        ((done,),) = delivered.fetchall() or [(None,)]
        known = [one for one in (live if done is None else done, old) if one is not None]
        if known:
            return int(min(known))
        ((last,),) = ask("SELECT max(last_ts) FROM meters WHERE meter = ?", stream[:1])
        return None if last is None else int(last)

    def _found(self) -> dict[Stream, tuple[int, int]]:
        """How many deliveries of each stream wait, and are in quarantine."""
        rows = self._new.execute(
            """SELECT meter, sink, sum(waits), sum(held) FROM (
                SELECT meter, sink, 1 AS waits, 0 AS held FROM deliveries
                UNION ALL SELECT meter, sink, 0, 1 FROM quarantine) GROUP BY meter, sink"""
        )
        return {(meter, sink): (waits, held) for meter, sink, waits, held in rows}

    def _missing(self, stream: Stream, found: int) -> int:
        committed, delivered, dropped = self._accounts.get(stream, (0, 0, 0))
        return max(0, committed - delivered - dropped - found)

    def _tear(self) -> None:
        self._torn = True

    def _readings(self, source: sqlite3.Connection) -> None:
        names = "id, meter, ts, values_json"
        for rows in walk(source, "readings", names, torn=self._tear):
            with transaction(self._new):
                for row in rows:
                    self._keep_reading(*row)

    def _keep_reading(self, number: int, meter: object, ts: object, values: object) -> None:
        if _sound(meter, ts, values):
            self.readings += self._new.execute(
                "INSERT OR IGNORE INTO readings VALUES (?, ?, ?, ?, 0)",
                (number, meter, ts, values),
            ).rowcount

    def _deliveries(self, source: sqlite3.Connection, table: str) -> None:
        found = columns(source, self._new, table)
        if "reading" not in found:
            self._tear()
            return
        names = ["id", "reading", *(one for one in found if one not in ("id", "reading"))]
        marks = ", ".join("?" for _ in names)
        add = f"""INSERT OR IGNORE INTO {table} ({", ".join(names)})
            SELECT {marks} WHERE EXISTS (SELECT 1 FROM readings WHERE id = ?)"""  # noqa: S608
        only = "delivered_at IS NULL" if table == "deliveries" else "true"
        for rows in walk(source, table, ", ".join(names), only, self._tear):
            with transaction(self._new):
                for row in rows:
                    if type(row[1]) is not int:
                        continue
                    with suppress(sqlite3.IntegrityError):
                        if self._new.execute(add, (*row, row[1])).rowcount:
                            self._new.execute(_HOLD, (row[1],))
                            self.waiting += table == "deliveries"

    def _last_delivered(self, source: sqlite3.Connection) -> None:
        """The reading that each stream had last, of those that went in turn."""
        only = "delivered_at IS NOT NULL"
        if "lane" in columns(source, self._new, "deliveries"):
            only += " AND lane = 0"
        for rows in walk(source, "deliveries", "id, reading, meter, sink", only):
            self._last_id = max(self._last_id, rows[-1][0])
            for _, reading, meter, sink in rows:
                if type(reading) is int:
                    stream = meter, sink
                    self._delivered[stream] = max(reading, self._delivered.get(stream, 0))

    def _from_leaves(self, path: Path) -> None:
        """Also what no tree leads to. Of what waited once a row may be there that has been
        delivered since: so the newest come first, and no more than the accounts miss."""
        ((size,),) = self._new.execute("PRAGMA page_size")
        self._new.execute(_SEEN)
        for page in leaves.rows(path, size):
            with transaction(self._new, synced=False):
                for number, values in page:
                    if not 0 < number < FAR:
                        continue
                    match values:
                        case [None, str(), int(), str(), int()]:
                            self._keep_reading(number, *values[1:4])
                        case [None, int(), str(), str(), int() | None as done, *lane]:
                            if lane in ([], [0], [1]):
                                row = (number, *values[1:4], *(lane or [0]), done is None)
                                self._new.execute(_SEE, row)
        self._add_unknown()
        ((seen,),) = self._new.execute("SELECT coalesce(max(id), 0) FROM seen")
        self._last_id = max(self._last_id, seen)
        self._new.execute("DROP TABLE seen")

    def _add_unknown(self) -> None:
        found = self._found()
        room: dict[Stream, int] = {}
        before = 1 << 62
        while rows := self._new.execute(_UNKNOWN, (before, ROWS)).fetchall():
            with transaction(self._new):
                for row in rows:
                    stream = row[2], row[3]
                    if stream not in room:
                        here = sum(found.get(stream, ()))
                        room[stream] = (
                            self._missing(stream, here) if stream in self._accounts else before
                        )
                    if room[stream] > 0:
                        room[stream] -= 1
                        self._new.execute(_ADD, row)
                        self._new.execute(_HOLD, (row[1],))
                        self.waiting += 1
            before = rows[-1][0]


def _sound(meter: object, ts: object, values: object) -> bool:
    if not isinstance(meter, str) or type(ts) is not int or not isinstance(values, str):
        return False
    try:
        return isinstance(decode_values(values), dict)
    except ValueError:
        return False
