"""A disk as SQLite may not trust it.

Nothing is sure before its file is synced: of the writes since then any may be lost, also
an earlier one while a later one is there, and each may be there in part, sector by sector.
What a sync has covered stays, for ever; what one that failed has covered never comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from attrs import define, field, frozen

# What a disk writes in one piece, or not at all.
SECTOR = 512


@frozen
class Write:
    """``octets`` at ``offset`` of a file; None cuts the file there."""

    name: str
    offset: int
    octets: bytes | None


@frozen
class Sync:
    """All writes of this file so far are on the disk."""

    name: str


@frozen
class Lose:
    """A sync of this file failed. The system takes what it could not write for written, so that
    no later sync writes it either; whoever reads the file sees it all the same."""

    name: str


@frozen
class Unlink:
    """The file is gone, surely."""

    name: str


Operation = Write | Sync | Lose | Unlink


@define
class Platter:
    """One file: what is sure, and what may be there in any mixture."""

    sure: bytearray = field(factory=bytearray)
    pending: list[Write] = field(factory=list)

    def take(self, write: Write) -> None:
        self.pending.append(write)

    def sync(self) -> None:
        for write in self.pending:
            _apply(self.sure, write)
        self.pending.clear()

    def lose(self) -> None:
        self.pending.clear()

    def after_a_cut(self, random: Random) -> bytearray:
        """What is read from it when power is back."""
        left = bytearray(self.sure)
        kept = random.choice((0.0, 0.2, 0.5, 0.8, 1.0))
        writes = list(self.pending)
        if random.random() < 0.5:
            # A disk that keeps its order loses only the last writes.
            writes = writes[: random.randint(0, len(writes))]
            kept = 1.0
            if writes and random.random() < 0.5:
                for part in _torn(writes.pop(), random):
                    writes.append(part)
        for write in writes:
            if random.random() < kept:
                for part in _torn(write, random) if kept < 1.0 else (write,):
                    _apply(left, part)
        return left


class Disk:
    """The files of one moment, as they follow from the operations so far."""

    def __init__(self) -> None:
        self._platters: dict[str, Platter] = {}

    @classmethod
    def holding(cls, files: Mapping[str, bytearray]) -> Disk:
        """A disk with these files, all of them sure."""
        disk = cls()
        disk._platters = {name: Platter(bytearray(one)) for name, one in files.items()}
        return disk

    def take(self, operation: Operation) -> None:
        """One more operation happened."""
        platter = self._platters.get(operation.name)
        if platter is None:
            platter = self._platters[operation.name] = Platter()
        if isinstance(operation, Write):
            platter.take(operation)
        elif isinstance(operation, Sync):
            platter.sync()
        elif isinstance(operation, Lose):
            platter.lose()
        else:
            del self._platters[operation.name]

    def after_a_cut(self, random: Random) -> dict[str, bytearray]:
        """Power fails now: what each file holds afterwards."""
        return {name: each.after_a_cut(random) for name, each in self._platters.items()}


def _apply(content: bytearray, write: Write) -> None:
    if write.octets is None:
        del content[write.offset :]
        return
    if len(content) < write.offset:
        content.extend(bytes(write.offset - len(content)))
    content[write.offset : write.offset + len(write.octets)] = write.octets


def _torn(write: Write, random: Random) -> Iterator[Write]:
    """The sectors of one write that reached the disk."""
    if write.octets is None:
        if random.random() < 0.5:
            yield write
        return
    start, octets = write.offset, write.octets
    while octets:
        size = SECTOR - start % SECTOR
        if random.random() < 0.7:
            yield Write(write.name, start, octets[:size])
        start, octets = start + size, octets[size:]
