"""How long rows are kept, and how many: no table of the registry grows without bound."""

from __future__ import annotations

import sqlite3
from typing import Final

from attrs import frozen

DAY: Final = 86_400_000

# Rows of one transaction: what waits for the writer meanwhile waits some milliseconds.
SLICE: Final = 5000


@frozen
class Limit:
    """Rows of ``table`` go ``keep`` ms after their ``time``, and the oldest beyond ``most``."""

    table: str
    time: str
    keep: int
    most: int


def sweep(database: sqlite3.Connection, limit: Limit, now: int, only: str = "TRUE") -> int:
    """Remove a slice of what is too old or too much, of rows of which ``only`` is true.

    Inside a transaction; how many went. Rows whose time is NULL stay.
    """
    table, time = limit.table, limit.time
    oldest = f"""
        DELETE FROM {table} WHERE id IN (
            SELECT id FROM {table} WHERE {time} IS NOT NULL AND {only} %s ORDER BY {time} LIMIT ?)
    """  # noqa: S608
    aged = database.execute(oldest % f"AND {time} < ?", (now - limit.keep, SLICE)).rowcount
    count = f"SELECT count(*) FROM {table} WHERE {time} IS NOT NULL AND {only}"  # noqa: S608
    ((left,),) = database.execute(count)
    beyond = min(max(0, left - limit.most), SLICE)
    return aged + database.execute(oldest % "", (beyond,)).rowcount
