"""Who answers under each meter's name, so that another meter is noticed after a restart too."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from dlmsd.store.file import StoreFile

_ALL: Final = "SELECT m.name, s.serial FROM serials s JOIN meters m ON m.id = s.meter"
_PUT: Final = """
    INSERT INTO serials (meter, serial) SELECT id, ?2 FROM meters WHERE name = ?1
    ON CONFLICT (meter) DO UPDATE SET serial = excluded.serial
"""
# What a meter tells of itself is no longer than this, or no name.
_LONGEST: Final = 256


class Serials:
    """Serial numbers by meter; those of meters that are forgotten go with them."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file

    async def all(self) -> dict[str, str]:
        """By name."""
        return await self._file.read(lambda database: dict(database.execute(_ALL).fetchall()))

    async def put(self, told: Mapping[str, str]) -> None:
        """These are so from now on; of a meter without an id nothing is kept."""
        rows = [(name, serial[:_LONGEST]) for name, serial in told.items()]

        def put(database: sqlite3.Connection) -> None:
            database.executemany(_PUT, rows)

        await self._file.change(put)
