"""Deliveries that a broker refuses for good, kept for the operator. In an open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, TypeAlias

from dlmsd.store.counters import Change

Verdict: TypeAlias = tuple[int, str]
"""The id of a delivery, and what the broker said of it."""

_REMOVE: Final = """
    DELETE FROM deliveries WHERE id = ? AND delivered_at IS NULL
    RETURNING reading, meter, sink, lane
"""
# Under another id where its own is taken, which only damage leads to: a row that could not be
# added would fail the transaction of everyone.
_ADD: Final = """
    INSERT INTO quarantine (id, reading, meter, sink, lane, reason, since)
    VALUES (nullif(?1, (SELECT id FROM quarantine WHERE id = ?1)), ?2, ?3, ?4, ?5, ?6, ?7)
"""

# A reason is a sentence; a broker must not be able to fill the disk with it.
MOST_REASON: Final = 256


def isolate(
    database: sqlite3.Connection, verdicts: Iterable[Verdict], now: int, change: Change
) -> None:
    """Move these out of the queue; those that wait no longer are left alone."""
    for number, reason in verdicts:
        row = database.execute(_REMOVE, (number,)).fetchone()
        if row is not None:
            reading, meter, sink, lane = row
            change.queued[meter, sink] -= 1
            database.execute(_ADD, (number, reading, meter, sink, lane, reason[:MOST_REASON], now))
            change.quarantined[meter, sink] += 1
