"""Serial numbers in memory, which may be broken as a file may."""

from __future__ import annotations

from collections.abc import Mapping

from dlmsd.errors import StoreError
from dlmsd.store.serials import Incumbent, Serials


class MemorySerials(Serials):
    """``known`` is what was put."""

    def __init__(self) -> None:
        self.known: dict[str, Incumbent] = {}
        self.broken = False

    async def all(self) -> dict[str, Incumbent]:
        self._try()
        return dict(self.known)

    async def put(self, known: Mapping[str, Incumbent]) -> None:
        self._try()
        self.known.update(known)

    def _try(self) -> None:
        if self.broken:
            raise StoreError("the disk is full")
