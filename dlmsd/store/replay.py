"""Deliveries that an operator wants sent again: what was delivered, or is in quarantine.

A request is a row of the outbox's file, so that it outlives a restart, and so that the
command need not fight with a daemon for the file: it adds the row, and the daemon does the
rest, a slice at a time. What is sent again gets new ids, in the backfill lane, and waits
behind what is live. What was delivered counts as committed once more.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from attrs import frozen

from dlmsd.model import Lane, OutboxStatus
from dlmsd.store.counters import Change
from dlmsd.store.delivery import Delivery
from dlmsd.store.ledger import Ledger

# Rows that one slice looks at. Commits wait meanwhile, about 50 ms if all of them match.
SLICE: Final = 2000

# What was done is told to whoever asked for it; a day later nobody asks.
_KEEP_MS: Final = 86_400_000

_ASK: Final = """
    INSERT INTO replays (from_ts, to_ts, sink, meter, quarantined, last_id)
    SELECT ?1, ?2, ?3, ?4, ?5, coalesce(CASE WHEN ?5 THEN (SELECT max(id) FROM quarantine)
        ELSE (SELECT max(id) FROM deliveries) END, 0)
"""
_NEXT: Final = """
    SELECT id, last_id, from_ts, to_ts, sink, meter, quarantined FROM replays NOT INDEXED
    WHERE done_at IS NULL ORDER BY id LIMIT 1
"""
_CHOSEN: Final = """
    SELECT d.id, d.reading, d.meter, d.sink, r.ts, r.values_json
    FROM {table} d NOT INDEXED CROSS JOIN readings r ON r.id = d.reading
    WHERE d.id > ?1 AND d.id <= ?2 AND {chosen} AND r.ts >= ?3 AND r.ts < ?4
        AND (?5 IS NULL OR d.sink = ?5) AND (?6 IS NULL OR d.meter = ?6)
    ORDER BY d.id
"""
_CHOOSE: Final = {
    False: _CHOSEN.format(table="deliveries", chosen="d.delivered_at IS NOT NULL"),
    True: _CHOSEN.format(table="quarantine", chosen="1"),
}
# The last id of a slice, if it is a whole one: most ids that ever were given are gone.
_END: Final = {
    quarantined: f"SELECT id FROM {table} NOT INDEXED WHERE id > ? AND id <= ? "  # noqa: S608
    "ORDER BY id LIMIT 1 OFFSET ?"
    for quarantined, table in ((False, "deliveries"), (True, "quarantine"))
}
_REMOVE: Final = {
    False: "DELETE FROM deliveries WHERE id = ? AND delivered_at IS NOT NULL",
    True: "DELETE FROM quarantine WHERE id = ?",
}
_ADD: Final = "INSERT INTO deliveries (reading, meter, sink, lane) VALUES (?, ?, ?, ?)"
_COUNT: Final = "UPDATE replays SET count = count + ?, done_at = ? WHERE id = ?"
_FORGET: Final = "DELETE FROM replays WHERE done_at < ?"


@frozen
class Replay:
    """Of readings with from_ts <= ts < to_ts (ms); None is any sink, or any meter."""

    from_ts: int
    to_ts: int
    sink: str | None = None
    meter: str | None = None
    quarantined: bool = False


@frozen
class Replayed:
    """What one slice queued again; without ``more`` nothing is asked for any longer."""

    deliveries: list[Delivery]
    more: bool
    status: OutboxStatus


def ask(database: sqlite3.Connection, replay: Replay) -> int:
    """The number of a request that is in the file now; inside an open transaction."""
    cursor = database.execute(
        _ASK, (replay.from_ts, replay.to_ts, replay.sink, replay.meter, replay.quarantined)
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def outcome(database: sqlite3.Connection, request: int) -> int | None:
    """How many deliveries wait again; None while it is not done."""
    row = database.execute(
        "SELECT count FROM replays WHERE id = ? AND done_at IS NOT NULL", (request,)
    ).fetchone()
    return None if row is None else int(row[0])


class Replays:
    """Carries requests out in the ledger's writer thread, the oldest first."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._database = ledger.database
        self._request = 0
        self._after = 0

    def step(self, now: int) -> Replayed:
        """A slice, as one transaction, or none where nothing is chosen; ``now`` is the wall
        time in ms."""
        row = self._database.execute(_NEXT).fetchone()
        if row is None:
            return Replayed([], False, self._ledger.status())
        request, last, *chosen, quarantined = row
        if request != self._request:
            # After a restart it begins anew: what was moved has other ids by then.
            self._request, self._after = request, 0
        execute = self._database.execute
        whole = execute(_END[quarantined], (self._after, last, SLICE - 1)).fetchone()
        end = last if whole is None else whole[0]
        rows = execute(_CHOOSE[quarantined], (self._after, end, *chosen)).fetchall()
        deliveries: list[Delivery] = []
        if rows or end >= last:
            with self._ledger.change() as change:
                deliveries = [self._move(one, bool(quarantined), change) for one in rows]
                done = now if end >= last else None
                execute(_COUNT, (len(deliveries), done, request))
                execute(_FORGET, (now - _KEEP_MS,))
        self._after = end
        return Replayed(deliveries, True, self._ledger.status())

    def _move(
        self, row: tuple[int, int, str, str, int, str], quarantined: bool, change: Change
    ) -> Delivery:
        number, reading, meter, sink, ts, values = row
        removed = self._database.execute(_REMOVE[quarantined], (number,)).rowcount
        if quarantined:
            change.quarantined[meter, sink] -= removed
        else:
            change.committed[meter, sink] += 1
        added = self._database.execute(_ADD, (reading, meter, sink, Lane.BACKFILL))
        change.queued[meter, sink] += added.rowcount
        assert added.lastrowid is not None
        return Delivery(added.lastrowid, sink, meter, ts, values, Lane.BACKFILL)
