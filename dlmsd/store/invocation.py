"""Invocation counters on disk: ours are reserved before use, those of meters remembered.

A repeated number under a key gives plaintext and key away (NIST SP 800-38D, 8): so a
reservation is on disk before anybody hears of it, and what a crash leaves unused is lost.
A meter's number may be on disk a little late: what is lost then can at worst be replayed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

from twisted.internet.defer import Deferred

from dlmsd.dlms.security.counter import COUNTER_END
from dlmsd.dlms.security.errors import CounterExhaustedError
from dlmsd.errors import LocalError, StoreError
from dlmsd.store.jobs import Run

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


def reserve(database: sqlite3.Connection, name: str, above: int, count: int) -> tuple[int, int]:
    """``first`` and ``end`` of ``count`` numbers that nobody had, from ``above`` on.

    Inside the transaction that is open. CountersSpentError, and nothing reserved, if they
    would go beyond the last number.
    """
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


class InvocationCounters:
    """Those of all secured meters, ours and theirs, as the reactor's thread asks for them.

    ``change`` runs its argument in a transaction, ``read`` without one; both raise StoreError.
    ``received`` are written within a second or so of ``soon``.
    """

    def __init__(self, change: Run, read: Run, received: Unkept, soon: Callable[[], None]) -> None:
        self._change = change
        self._read = read
        self._received = received
        self._soon = soon

    def reserve_counters(self, name: str, above: int, count: int) -> Deferred[tuple[int, int]]:
        """``first`` and ``end`` of ``count`` invocation counters that are now the caller's.

        None of them is below ``above``, nor was ever given for this name, and never will
        be again, whatever is lost but the file. Fires after a COMMIT of their own; fails
        with CountersSpentError when no such block is left, and with StoreError.
        """
        return Deferred.fromCoroutine(self._reserve(name, above, count))

    def keep_received(self, name: str, counter: int) -> None:
        """The highest invocation counter believed under this name; in the file soon."""
        self._received.add(name, counter)
        self._soon()

    async def received_counters(self, prefix: str = "") -> dict[str, int]:
        """The highest that were kept, by name, of names that begin so. Raises StoreError."""
        kept = await self._read(lambda database: received(database, prefix))
        return self._received.over(kept, prefix)

    async def spent_counters(self) -> dict[str, int]:
        """The next invocation counter of each of our keys, by name. Raises StoreError."""
        return await self._read(spent)

    async def _reserve(self, name: str, above: int, count: int) -> tuple[int, int]:
        if above < 0 or count < 1:
            raise LocalError(f"{count} invocation counters from {above} on")
        return await self._change(lambda database: reserve(database, name, above, count))
