"""Reads what can be read of a damaged SQLite file, table by table.

Tables are walked by their keys. Where a page cannot be read, the next row that can is sought
by doubling and halving, so that one bad page costs its own rows; a table without row ids is
read from both of its ends. Where keys do not grow a tree may lead back into itself, and be read
for ever: what follows there cannot be read either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from operator import gt, lt
from pathlib import Path
from typing import Any, Final

from dlmsd.store.database import Database, transaction

# The second is what sqlite3 makes of a message that quotes a damaged schema.
UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)

# Rows of one transaction.
ROWS: Final = 500

# No id comes near it: what is beyond never was one.
FAR: Final = 1 << 40


def wreck(path: Path) -> sqlite3.Connection:
    """The damaged file, which is not changed. Raises sqlite3.Error."""
    if not path.exists():
        raise sqlite3.OperationalError("no such file")
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    source.text_factory = lambda raw: raw.decode("utf-8", "replace")
    # Then SQLite passes over what it does not understand of a schema, and gives the other tables.
    source.execute("PRAGMA writable_schema = ON")
    return source


def columns(source: sqlite3.Connection, new: sqlite3.Connection, table: str) -> list[str]:
    """Those that old and new file have: the old one may be of an earlier version."""
    found: list[set[str]] = []
    for database in (source, new):
        with suppress(*UNREADABLE):
            rows = database.execute(f"PRAGMA table_info({table})").fetchall()
            found.append({row[1] for row in rows})
    return sorted(found[0] & found[1]) if len(found) == 2 else []


def last_ids(source: sqlite3.Connection) -> dict[str, int]:
    """The highest that was ever given, by table, of those that never use an id again; without
    what cannot be read."""
    found: dict[str, int] = {}
    with suppress(*UNREADABLE):
        for table, number in source.execute("SELECT name, seq FROM sqlite_sequence"):
            if type(number) is int and 0 < number < FAR:
                found[table] = number
    return found


def go_on_above(new: sqlite3.Connection, table: str, number: int) -> None:
    """The next id of ``table`` is greater, by the transaction that is open."""
    new.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    new.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))


def fold(new: sqlite3.Connection) -> None:
    """All of the log into the file, unless another program holds that. Raises sqlite3.Error,
    where a close would fail without a word."""
    new.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def copy_table(source: sqlite3.Connection, new: Database, table: str) -> None:
    """Every row that can be read and that the new table's rules allow."""
    names = columns(source, new, table)
    if not names:
        return
    add = (
        f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) "  # noqa: S608
        f"VALUES ({', '.join('?' for _ in names)})"
    )
    for rows in _rows(source, new, table, ", ".join(names)):
        with transaction(new):
            for row in rows:
                # A row that the new table's rules refuse is damaged too.
                with suppress(sqlite3.IntegrityError):
                    new.execute(add, row)


def _rows(
    source: sqlite3.Connection, new: sqlite3.Connection, table: str, names: str
) -> Iterator[Sequence[Any]]:
    key = [row[1] for row in new.execute(f"PRAGMA table_info({table})") if row[5]]
    try:
        new.execute(f"SELECT rowid FROM {table} LIMIT 0")  # noqa: S608
    except sqlite3.OperationalError:
        size = len(key)
        for order, grows in (("ASC", gt), ("DESC", lt)):
            by = ", ".join(f"{column} {order}" for column in key)
            ask = f"SELECT {', '.join(key)}, {names} FROM {table} ORDER BY {by}"  # noqa: S608
            last: tuple[Any, ...] = ()
            with suppress(*UNREADABLE):
                cursor = source.execute(ask)
                while rows := _readable(cursor):
                    keys = [tuple(map(_rank, row[:size])) for row in rows]
                    sound = _steady(keys, last, grows)
                    yield [row[size:] for row in rows[:sound]]
                    if sound < len(rows):
                        break
                    last = keys[-1]
    else:
        for found in walk(source, table, f"rowid, {names}"):
            yield [row[1:] for row in found]


def _rank(value: Any) -> tuple[int, Any]:
    """In SQLite's order: nothing, numbers, texts, octets."""
    if value is None:
        return 0, 0
    return (1 if isinstance(value, int | float) else 2 if isinstance(value, str) else 3), value


def _steady(keys: Sequence[Any], last: Any, grows: Callable[[Any, Any], bool]) -> int:
    """How many of them go on from ``last``, each from the one before."""
    for place, key in enumerate(keys):
        if last != () and not grows(key, last):
            return place
        last = key
    return len(keys)


def _readable(cursor: sqlite3.Cursor) -> list[Any]:
    """The next rows, up to one that cannot be read."""
    rows = []
    with suppress(*UNREADABLE):
        for row in cursor:
            rows.append(row)
            if len(rows) == ROWS:
                break
    return rows


def walk(
    source: sqlite3.Connection,
    table: str,
    columns: str,
    only: str = "true",
    torn: Callable[[], object] = lambda: None,
) -> Iterator[Sequence[Any]]:
    """Rows by their id, which is the first column, past whatever cannot be read, of which
    ``torn`` is told."""
    ask = (
        f"SELECT {columns} FROM {table} NOT INDEXED "  # noqa: S608
        f"WHERE rowid > ? AND rowid < {FAR} AND {only} ORDER BY rowid LIMIT ?"
    )

    def read(after: int, limit: int) -> Sequence[Any] | None:
        try:
            rows = source.execute(ask, (after, limit)).fetchall()
        except UNREADABLE:
            return None
        sound = _steady([row[0] for row in rows], after, gt)
        return rows[:sound] if sound or not rows else None

    after, limit = 0, ROWS
    while after < FAR:
        rows = read(after, limit)
        if rows:
            yield rows
            after, limit = rows[-1][0], min(2 * limit, ROWS)
        elif rows is not None:
            return
        elif limit > 1:
            torn()
            limit = 1
        else:
            step = 1
            while after + step < FAR and read(after + step, 1) is None:
                step *= 2
            low, high = after, after + step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if read(middle, 1) is None else (low, middle)
            after = high
