"""What the next COMMIT will hold: gathered in the reactor's thread, written in the writer's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred

from dlmsd.model import GapCause, GapStart, Reading
from dlmsd.store.invocation import Unkept
from dlmsd.store.quarantine import Verdict
from dlmsd.store.room import Room
from dlmsd.store.values import encode_values

# Marks kept while the disk refuses, since every try writes all of them: 50 ms. Beyond it the
# oldest become duplicates.
MOST_MARKS: Final = 10_000


@frozen
class Entry:
    """A reading on its way into the file; ``values`` is its JSON text.

    ``given_up`` are sinks that get none of it, since there is no room for what they are owed;
    ``behind`` is the gap that the reading ends.
    """

    reading: Reading
    sinks: tuple[str, ...]
    values: str
    given_up: tuple[str, ...] = ()
    behind: GapStart | None = None

    @classmethod
    def of(
        cls,
        reading: Reading,
        sinks: Sequence[str],
        room: Room,
        behind: GapStart | None = None,
    ) -> Entry:
        """Owed to those of ``sinks`` for which there is ``room``."""
        given_up = room.given_up(sinks)
        owed = tuple(sink for sink in sinks if sink not in given_up)
        return cls(reading, owed, encode_values(reading.values), given_up, behind)


@frozen
class Refusal:
    """Readings of one meter that there was no room for."""

    meter: str
    cause: GapCause
    from_ts: int
    to_ts: int
    count: int = 1


@frozen
class Waiting:
    """An entry, and who waits for it."""

    entry: Entry
    done: Deferred[None]


@frozen
class Batch:
    """One transaction: new readings, ids of what was delivered, and who waits for their marks,
    what brokers refuse for good, invocation counters that came meanwhile, by name, and readings
    that found no room. What is not ``synced`` does not wait for the disk."""

    waiting: Sequence[Waiting] = ()
    marks: Sequence[int] = ()
    marked: Sequence[Deferred[None]] = ()
    verdicts: Sequence[Verdict] = ()
    received: dict[str, int] = field(factory=dict)
    refusals: Sequence[Refusal] = ()
    synced: bool = True

    def __bool__(self) -> bool:
        return any((self.waiting, self.marks, self.verdicts, self.received, self.refusals))

    @property
    def entries(self) -> list[Entry]:
        return [one.entry for one in self.waiting]


class Gathering:
    """The batch that gathers."""

    def __init__(self) -> None:
        self.readings: list[Waiting] = []
        self.marks: list[int] = []
        self._marked: list[Deferred[None]] = []
        self.received = Unkept()
        self._verdicts: list[Verdict] = []
        self._refusals: dict[tuple[str, GapCause], Refusal] = {}  # no more than meters

    @property
    def settled(self) -> bool:
        """Whether something gathers that ``pending`` must no longer give."""
        return bool(self.marks or self._verdicts)

    def mark(self, ids: Sequence[int]) -> Deferred[None]:
        """These were delivered; fires when they are written."""
        done: Deferred[None] = Deferred()
        self._marked.append(done)
        self._remember(ids)
        return done

    def _remember(self, ids: Sequence[int]) -> None:
        self.marks.extend(ids)
        del self.marks[: max(0, len(self.marks) - MOST_MARKS)]

    def isolate(self, verdicts: Sequence[Verdict]) -> None:
        """These are refused for good; they are few, since each costs its broker a round trip."""
        self._verdicts.extend(verdicts)
        del self._verdicts[: max(0, len(self._verdicts) - MOST_MARKS)]

    def refuse(self, reading: Reading, cause: GapCause) -> None:
        """There was no room for this one; one row tells of all until there is."""
        key, ts = (reading.meter, cause), reading.ts
        known = self._refusals.get(key)
        self._refusals[key] = (
            evolve(known, to_ts=max(ts, known.to_ts), count=known.count + 1)
            if known
            else Refusal(reading.meter, cause, ts, ts)
        )

    def take(self, *, refusals: bool) -> Batch:
        """All of it, to be written; the next one gathers."""
        refused: Sequence[Refusal] = ()
        if refusals and self._refusals:
            refused = tuple(self._refusals.values())
            self._refusals.clear()
        return evolve(
            self.take_marks(synced=True),
            waiting=self._take_readings(),
            received=self.received.take(),
            refusals=refused,
        )

    def take_marks(self, *, synced: bool) -> Batch:
        """What brokers said, alone: a power cut may take that back."""
        batch = Batch(marks=self.marks, marked=self._marked, verdicts=self._verdicts, synced=synced)
        self.marks, self._marked, self._verdicts = [], [], []
        return batch

    def _take_readings(self) -> Sequence[Waiting]:
        readings, self.readings = self.readings, []
        return readings

    def give_back(self, batch: Batch) -> None:
        """Nothing of it could be written; its readings are lost."""
        self.marks[:0] = batch.marks
        self._marked[:0] = batch.marked
        self._verdicts[:0] = batch.verdicts
        self._remember(())
        self.isolate(())
        for name, counter in batch.received.items():
            self.received.add(name, counter)
        for one in batch.refusals:
            later = self._refusals.get((one.meter, one.cause), one)
            count = one.count + (later.count if later is not one else 0)
            self._refusals[one.meter, one.cause] = evolve(one, to_ts=later.to_ts, count=count)
