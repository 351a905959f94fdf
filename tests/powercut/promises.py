"""What a life was told is safe, since when, and whether a file after a cut keeps it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from attrs import define, field, fields_dict, frozen

from dlmsd.model import Reading
from dlmsd.store import gaps, invocation
from dlmsd.store.delivery import Delivery
from dlmsd.store.ledger import Ledger

Owed: TypeAlias = tuple[str, int, str]
"""One delivery: meter, ts and sink."""
Broken: TypeAlias = tuple[str, str]
"""A field of Verdict, and what was seen."""

_DELIVERIES: Final = """
    SELECT d.id, r.meter, r.ts, d.sink, d.delivered_at IS NOT NULL
    FROM deliveries d JOIN readings r ON r.id = d.reading
"""


@frozen
class Promise:
    """From operation ``since`` on this reading is safe, and what ``sinks`` are owed of it; or
    counters below ``counters`` are never given again."""

    since: int
    reading: Reading | None = None
    sinks: Sequence[str] = ()
    counters: int = 0


@define
class Verdict:
    """What the cuts of one or more lives showed.

    Of ``checked`` promises some readings may be ``lost`` or ``altered``, and some deliveries
    ``unpaid``: gone, or marked, though nobody had delivered them. ``unmarked`` were delivered,
    and wait again. ``repeated`` counts invocation counters that were given a second time,
    ``forgotten`` those of meters that may be replayed, and gaps; ``unbalanced`` accounts that
    rows do not bear out, ``unopenable`` files that were refused.
    """

    cuts: int = 0
    checked: int = 0
    lost: int = 0
    altered: int = 0
    unpaid: int = 0
    unmarked: int = 0
    repeated: int = 0
    forgotten: int = 0
    unbalanced: int = 0
    unopenable: int = 0
    examples: list[str] = field(factory=list)

    @property
    def violations(self) -> int:
        """What must be 0."""
        return sum(self.seen.values())

    @property
    def seen(self) -> dict[str, int]:
        """Each kind of violation, and how often."""
        return {name: getattr(self, name) for name in _KINDS}

    def take(self, where: str, broken: Sequence[Broken]) -> None:
        """What one cut has broken."""
        for kind, what in broken:
            setattr(self, kind, getattr(self, kind) + 1)
            self.examples.append(f"{where}: {kind}: {what}")
        del self.examples[5:]

    def add(self, other: Verdict) -> None:
        for name in ("cuts", "checked", *_KINDS):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.examples = (self.examples + other.examples)[:5]


_KINDS: Final = tuple(fields_dict(Verdict))[2:-1]


class Promises:
    """Told of all that happens in a life; operations are counted from its begin."""

    def __init__(self) -> None:
        self.made: list[Promise] = []
        self.given: dict[tuple[str, int], tuple[Reading, Sequence[str]]] = {}
        self._ids: dict[int, tuple[int, Owed]] = {}
        self._asked: dict[int, int] = {}
        self._said: list[int] = []  # marked, but a power cut may take that back
        self._marked: dict[int, int] = {}
        self._kept = 0  # in this life
        self._received: list[tuple[int, int]] = []
        self._gaps: list[tuple[int, int, str, int, int | None]] = []

    # What happens.

    def told(self, made: Sequence[Delivery], since: int) -> None:
        """These are in the file, under their ids."""
        self._ids.update((one.id, (since, (one.meter, one.ts, one.sink))) for one in made)

    def asked(self, ids: Sequence[int], since: int) -> None:
        """A broker has these: from now on they may be marked, and be forgotten."""
        for number in ids:
            self._asked.setdefault(number, since)

    def marked(self, ids: Sequence[int]) -> None:
        """They are marked; no power cut takes it back once a later COMMIT is synced."""
        self._said.extend(ids)

    def kept(self, counter: int) -> None:
        """A meter has used this invocation counter; the next COMMIT of a reading holds it."""
        self._kept = max(self._kept, counter)

    def stored(self, reading: Reading, sinks: Sequence[str], since: int) -> None:
        """A synced COMMIT holds this reading, and all that was said before."""
        self.made.append(Promise(since, reading, sinks))
        self._received.append((since, self._kept))
        for number in self._said:
            self._marked.setdefault(number, since)
        self._said.clear()

    def gap(self, number: int, meter: str, start: int, end: int | None, since: int) -> None:
        """In the file; until ``end``, if that is known."""
        self._gaps.append((since, number, meter, start, end))

    def end_life(self) -> None:
        """What was not safe by now may be gone."""
        self._said.clear()
        self._kept = 0

    # What must be there.

    def count(self, place: int) -> int:
        """How many readings are safe by then."""
        return sum(one.since <= place and one.reading is not None for one in self.made)

    def counters(self, place: int) -> int:
        """The end of all that were reserved by then."""
        return max((one.counters for one in self.made if one.since <= place), default=0)

    def broken(
        self,
        place: int,
        there: Mapping[tuple[str, int], Reading],
        ledger: Ledger,
        counter: str,
    ) -> list[Broken]:
        """What a file that holds the readings ``there`` does not keep, after a cut at ``place``."""
        database = ledger.database
        return [
            *self._readings(place, there),
            *self._deliveries(place, database),
            *self._counter(place, invocation.received(database, counter).get(counter, 0)),
            *self._intervals(place, database),
            *(("unbalanced", one) for one in ledger.audit(rows=True)),
        ]

    def _readings(self, place: int, there: Mapping[tuple[str, int], Reading]) -> Iterator[Broken]:
        for promise in self.made:
            reading = promise.reading
            if reading is not None and promise.since <= place:
                found = there.get((reading.meter, reading.ts))
                if found is None:
                    yield "lost", str(reading.ts)
                elif found != reading:
                    yield "altered", str(reading.ts)
        for key, reading in there.items():
            if key not in self.given or self.given[key][0] != reading:
                yield "altered", f"{reading.ts} was never given"

    def _deliveries(self, place: int, database: sqlite3.Connection) -> Iterator[Broken]:
        rows: dict[Owed, tuple[int, int]] = {}
        times: Counter[Owed] = Counter()
        for number, meter, ts, sink, marked in database.execute(_DELIVERIES):
            rows[meter, ts, sink] = number, marked
            times[meter, ts, sink] += 1
            if marked and self._asked.get(number, place) >= place:
                yield "unpaid", f"{ts} to {sink} is marked, but nobody had delivered it"
            elif not marked and self._marked.get(number, place + 1) <= place:
                yield "unmarked", f"{ts} to {sink} waits again"
        for owed, count in times.items():
            if count > 1 or owed[2] not in self.given.get(owed[:2], (None, ()))[1]:
                yield "altered", f"{owed[1]} is owed {count} times to {owed[2]}"
        gone = {self._ids[number][1] for number, since in self._asked.items() if since < place}
        for promise in self.made:
            reading = promise.reading
            if reading is not None and promise.since <= place:
                for sink in promise.sinks:
                    owed = reading.meter, reading.ts, sink
                    if owed not in rows and owed not in gone:
                        yield "unpaid", f"{reading.ts} to {sink} is gone"
        for number, (since, owed) in self._ids.items():
            if since <= place and rows.get(owed, (number,))[0] != number:
                yield "altered", f"{owed[1]} to {owed[2]} has another id"

    def _counter(self, place: int, last: int) -> Iterator[Broken]:
        least = max((kept for since, kept in self._received if since <= place), default=0)
        if last < least:
            yield "forgotten", f"counter {least} was believed, {last} is known"

    def _intervals(self, place: int, database: sqlite3.Connection) -> Iterator[Broken]:
        there = {one.id: one for one in gaps.gaps_since(database, 0)}
        for since, number, meter, start, end in self._gaps:
            if since <= place:
                gap = there.get(number)
                if gap is None or gap.meter != meter or gap.from_ts > start:
                    yield "forgotten", f"the gap of {meter} from {start}"
                elif end is not None and gap.to_ts != end:
                    yield "forgotten", f"the end of the gap of {meter} from {start}"
