"""Copies what can be read of a damaged registry into a new one; no id is ever used again."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from dlmsd.store.backup import StepBackups
from dlmsd.store.database import Database, explain, transaction
from dlmsd.store.mend import mended
from dlmsd.store.rescue import UNREADABLE, copy_table, fold, go_on_above, last_ids, wreck

# More meters than a script can have left behind since the last checkpoint of the log.
JUMP: Final = 100_000

# What matters most first.
_TABLES: Final = (
    "meters",
    "own_meters",
    "overrides",
    "measurements",
    "audit",
    "alarms",
    "notices",
    "receivers",
    "sendings",
    "serials",
    "diagnostics",
    "disconnects",
    "health",
    "metrics",
)
_COUNTED: Final = (
    *("meters", "audit", "alarms", "notices", "sendings", "diagnostics", "disconnects"),
    "health",
)
_OF_METERS: Final = (
    *("own_meters", "overrides", "measurements", "alarms", "diagnostics", "disconnects"),
    "metrics",
)

# What a name cannot hold: octets that were no UTF-8.
_NAMELESS: Final = "typeof(name) <> 'text' OR name = '' OR instr(name, char(65533)) > 0"


def rescue_registry(path: Path, new: Database, now: int) -> str:
    """Copy into ``new``, which is empty; what was kept, in words. ``now`` is in ms.

    Where no meter can be read, the newest copy that was made before a step of the schema takes
    its place. Raises StoreError for what is wrong with the new file.
    """
    try:
        highest: dict[str, int] = {}
        origin = "it"
        for source in (path, *StepBackups(path).newest_first()):
            known = _copy(source, new)
            highest = {table: max(known[table], highest.get(table, 0)) for table in known}
            if _count(new, "meters"):
                origin = "it" if source == path else f"its copy {source.name}"
                break
        _raise_ids(new, highest, now // 1000)
        fold(new)
        meters, own, wanted = (_count(new, each) for each in ("meters", "own_meters", "overrides"))
    except (sqlite3.Error, OSError) as error:
        raise explain(path, error) from error
    return (
        f"{meters} meters' ids, {own} meters that were added by API and {wanted} meters' "
        f"overrides of {origin} are kept"
    )


def _copy(path: Path, new: Database) -> dict[str, int]:
    """As much as can be read; the highest id that each table had, 0 where nothing tells."""
    highest = dict.fromkeys(_COUNTED, 0)
    with mended(path, new) as whole, suppress(*UNREADABLE), closing(wreck(whole)) as source:
        for table in _TABLES:
            copy_table(source, new, table)
        for table, number in last_ids(source).items():
            if table in highest:
                highest[table] = number
    with transaction(new):
        new.execute(f"DELETE FROM meters WHERE {_NAMELESS}")  # noqa: S608
        new.execute("DELETE FROM own_meters WHERE meter NOT IN (SELECT id FROM meters)")
        new.execute("DELETE FROM overrides WHERE meter NOT IN (SELECT id FROM meters)")
    return highest


def _raise_ids(new: Database, highest: dict[str, int], seconds: int) -> None:
    """Above all that were ever given. Where the file does not tell: no registry has had a row
    a second since 1970."""
    with transaction(new):
        for table in _COUNTED:
            ids = [("id", table)]
            if table == "meters":
                ids += [("meter", other) for other in _OF_METERS]
            for column, other in ids:
                ask = f"SELECT coalesce(max({column}), 0) FROM {other}"  # noqa: S608
                ((found,),) = new.execute(ask)
                highest[table] = max(highest[table], found)
            go_on_above(new, table, highest[table] + JUMP if highest[table] else seconds)


def _count(database: Database, table: str) -> int:
    ((count,),) = database.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
    return int(count)
