"""Who answers under each meter's name, so that another meter is noticed after a restart too."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from dlmsd.store.file import StoreFile

_ALL: Final = """
    SELECT m.name, s.serial, s.told_by, s.since, s.other, s.other_since
    FROM serials s JOIN meters m ON m.id = s.meter
"""
_PUT: Final = """
    INSERT INTO serials (meter, serial, told_by, since, other, other_since)
    SELECT id, ?2, ?3, ?4, ?5, ?6 FROM meters WHERE name = ?1
    ON CONFLICT (meter) DO UPDATE SET serial = excluded.serial, told_by = excluded.told_by,
        since = excluded.since, other = excluded.other, other_since = excluded.other_since
"""


@frozen
class Incumbent:
    """The meter whose readings are filed under a name: its ``serial`` number, the object (OBIS
    code) that it is ``told_by``, and ``since`` when it is the one (Unix ms, 0: always).

    ``other`` is the serial number of a meter that answers instead of it, ``other_since`` then;
    "" for nobody.
    """

    serial: str
    told_by: str = ""
    since: int = 0
    other: str = ""
    other_since: int = 0


class Serials:
    """Serial numbers by meter; those of meters that are forgotten go with them."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file

    async def all(self) -> dict[str, Incumbent]:
        """By name."""

        def read(database: sqlite3.Connection) -> dict[str, Incumbent]:
            return {name: Incumbent(*rest) for name, *rest in database.execute(_ALL)}

        return await self._file.read(read)

    async def put(self, known: Mapping[str, Incumbent]) -> None:
        """These are so from now on; of a meter without an id nothing is kept."""
        rows = [
            (name, one.serial, one.told_by, one.since, one.other, one.other_since)
            for name, one in known.items()
        ]

        def put(database: sqlite3.Connection) -> None:
            database.executemany(_PUT, rows)

        await self._file.change(put)
