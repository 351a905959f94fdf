"""Copies what can be read of a damaged outbox file into a new one, what matters most first."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from dlmsd.dlms.security.counter import COUNTER_END
from dlmsd.model import GapCause
from dlmsd.store.counters import Stream
from dlmsd.store.database import Database, explain, transaction
from dlmsd.store.gaps import record_loss
from dlmsd.store.invocation import UNKNOWN
from dlmsd.store.mend import mended
from dlmsd.store.rescue import UNREADABLE, columns, copy_table, walk, wreck
from dlmsd.store.values import decode_values

# More numbers than can have been reserved since the last checkpoint of the log, which holds
# at most 4,096 pages, and one in a thousand of all.
JUMP: Final = 1 << 22

_REST: Final = ("gaps", "watermarks", "meters")
_RECOUNT_METERS: Final = """
    INSERT INTO meters (meter, readings, last_ts)
    SELECT meter, count(*), max(ts) FROM readings WHERE true GROUP BY meter
    ON CONFLICT (meter) DO UPDATE SET readings = max(readings, excluded.readings),
        last_ts = max(last_ts, excluded.last_ts)
"""
_HOLD: Final = "UPDATE readings SET held = held + 1 WHERE id = ?"
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
            rescue.copy(source)
        rescue.raise_counters(now // 1000)
        lost = rescue.recount(now)
    except (sqlite3.Error, OSError) as error:
        raise explain(path, error) from error
    return (
        f"{rescue.waiting} deliveries that wait and {rescue.readings} readings of it are kept, "
        f"{lost} deliveries are lost"
    )


class _Rescue:
    def __init__(self, path: Path, new: Database) -> None:
        self._new = new
        self._accounts: dict[Stream, tuple[int, int, int]] = {}
        self.readings = self.waiting = 0

    def copy(self, source: sqlite3.Connection) -> None:
        """As much as can be read."""
        for table in ("transmit_counters", "received_counters", *_REST):
            copy_table(source, self._new, table)
        with suppress(*UNREADABLE), closing(source.cursor()) as cursor:
            for meter, sink, *counts in cursor.execute(
                "SELECT meter, sink, committed, delivered, dropped FROM counters"
            ):
                if all(type(count) is int and count >= 0 for count in counts):
                    self._accounts[meter, sink] = (counts[0], counts[1], counts[2])
        self._readings(source)
        self._deliveries(source, "deliveries")
        self._deliveries(source, "quarantine")

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
            floor = min(max(seconds, highest), COUNTER_END)
            self._new.execute("INSERT INTO transmit_counters VALUES (?, ?)", (UNKNOWN, floor))

    def recount(self, now: int) -> int:
        """Counters by the rows that are there; how many deliveries are neither here nor done."""
        rows = self._new.execute(
            """SELECT meter, sink, sum(waits), sum(held) FROM (
                SELECT meter, sink, 1 AS waits, 0 AS held FROM deliveries
                UNION ALL SELECT meter, sink, 0, 1 FROM quarantine) GROUP BY meter, sink"""
        )
        found = {(meter, sink): (waits, held) for meter, sink, waits, held in rows}
        all_lost = 0
        with transaction(self._new):
            self._new.execute("UPDATE gaps SET cause = replace(cause, ' ', '_')")
            self._new.execute(_RECOUNT_METERS)
            for stream in sorted(self._accounts.keys() | found.keys()):
                committed, delivered, dropped = self._accounts.get(stream, (0, 0, 0))
                waits, held = found.get(stream, (0, 0))
                lost = max(0, committed - delivered - dropped - waits - held)
                dropped += lost
                committed = delivered + waits + held + dropped
                self._new.execute(_ACCOUNT, (*stream, committed, delivered, waits, held, dropped))
                if lost:
                    record_loss(self._new, stream, GapCause.OUTBOX_DAMAGED, now, now, lost)
                all_lost += lost
        return all_lost

    def _readings(self, source: sqlite3.Connection) -> None:
        for rows in walk(source, "readings", "id, meter, ts, values_json"):
            with transaction(self._new):
                for number, meter, ts, values in rows:
                    if _sound(meter, ts, values):
                        cursor = self._new.execute(
                            "INSERT OR IGNORE INTO readings VALUES (?, ?, ?, ?, 0)",
                            (number, meter, ts, values),
                        )
                        self.readings += cursor.rowcount

    def _deliveries(self, source: sqlite3.Connection, table: str) -> None:
        found = columns(source, self._new, table)
        if "reading" not in found:
            return
        names = ["id", "reading", *(one for one in found if one not in ("id", "reading"))]
        marks = ", ".join("?" for _ in names)
        add = f"""INSERT OR IGNORE INTO {table} ({", ".join(names)})
            SELECT {marks} WHERE EXISTS (SELECT 1 FROM readings WHERE id = ?)"""  # noqa: S608
        only = "delivered_at IS NULL" if table == "deliveries" else "true"
        for rows in walk(source, table, ", ".join(names), only):
            with transaction(self._new):
                for row in rows:
                    if type(row[1]) is not int:
                        continue
                    with suppress(sqlite3.IntegrityError):
                        if self._new.execute(add, (*row, row[1])).rowcount:
                            self._new.execute(_HOLD, (row[1],))
                            self.waiting += table == "deliveries"


def _sound(meter: object, ts: object, values: object) -> bool:
    if not isinstance(meter, str) or type(ts) is not int or not isinstance(values, str):
        return False
    try:
        return isinstance(decode_values(values), dict)
    except ValueError:
        return False
