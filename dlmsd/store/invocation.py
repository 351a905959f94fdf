"""Invocation counters on disk: ours are reserved before use, those of meters remembered.

A repeated number under a key gives plaintext and key away (NIST SP 800-38D, 8): so a
reservation is on disk before anybody hears of it, and what a crash leaves unused is lost.
A meter's number may be on disk a little late: what is lost then can at worst be replayed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from dlmsd.dlms.security.counter import COUNTER_END
from dlmsd.dlms.security.errors import CounterExhaustedError
from dlmsd.errors import LocalError, StoreError
from dlmsd.store.database import Database, transaction

UNKNOWN: Final = ""
"""The name of the least number for a name that has none yet: there is one after damage."""

_NEXT: Final = """
    SELECT next FROM transmit_counters WHERE name IN (?, '') ORDER BY name DESC LIMIT 1
"""
_RESERVE: Final = """
    INSERT INTO transmit_counters (name, next) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET next = max(next, excluded.next)
"""
_KEEP: Final = """
    INSERT INTO received_counters (name, last) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last)
"""
_RECEIVED: Final = """
    SELECT name, last FROM received_counters WHERE substr(name, 1, length(?1)) = ?1
"""


class CountersSpentError(CounterExhaustedError, StoreError):
    """The invocation counters under this key are used up; give the meter a new \
encryption_key."""


def reserve(database: Database, name: str, above: int, count: int) -> tuple[int, int]:
    """``first`` and ``end`` of ``count`` numbers that nobody had, from ``above`` on.

    A transaction of its own. CountersSpentError, and nothing reserved, if they would go
    beyond the last number.
    """
    with transaction(database):
        row = database.execute(_NEXT, (name,)).fetchone()
        first = above if row is None else max(above, row[0])
        end = first + count
        if end > COUNTER_END:
            raise CountersSpentError(f"{name} is at {first}, too near the last number for {count}")
        database.execute(_RESERVE, (name, end))
    return first, end


def keep(database: sqlite3.Connection, counters: Mapping[str, int]) -> None:
    """Remember these of other ends, inside the transaction that is open."""
    database.executemany(_KEEP, counters.items())


def received(database: sqlite3.Connection, prefix: str) -> dict[str, int]:
    """The highest ever kept, by name, of all names that begin with ``prefix``."""
    return dict(database.execute(_RECEIVED, (prefix,)))


def spent(database: sqlite3.Connection) -> dict[str, int]:
    """The next number of each of our keys, by name."""
    rows = database.execute("SELECT name, next FROM transmit_counters WHERE name <> ''")
    return dict(rows.fetchall())


class Unkept:
    """What other ends have sent and the file does not hold yet.

    One number for each sender that proved its key, so it needs no limit of its own.
    """

    def __init__(self) -> None:
        self._counters: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._counters)

    def add(self, name: str, counter: int) -> None:
        """Never lowers; LocalError for what is no invocation counter."""
        if not 0 <= counter <= 0xFFFFFFFF:  # the file would refuse its whole transaction
            raise LocalError(f"{counter} is no invocation counter")
        self._counters[name] = max(counter, self._counters.get(name, 0))

    def take(self) -> dict[str, int]:
        """All of it, to be written."""
        counters, self._counters = self._counters, {}
        return counters

    def over(self, kept: Mapping[str, int], prefix: str) -> dict[str, int]:
        """``kept``, overtaken by what waits under names that begin with ``prefix``."""
        waiting = {name: c for name, c in self._counters.items() if name.startswith(prefix)}
        return {**kept, **{name: max(c, kept.get(name, 0)) for name, c in waiting.items()}}
