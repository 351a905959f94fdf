"""What the meters answered, by their own record, and the readings that must have come of it."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import frozen

Values: TypeAlias = dict[str, Decimal]

# A meter looks at its clock after its answer went out, and may be kept waiting in between; on a
# machine with five times as much to do as it can do, 0.02 s were seen. A cycle takes 0.1 s.
_SLACK = 0.05
# Half of a cycle that reads scalers first; seconds. Seen: 0.06 with four daemons on two cores.
FARTHEST = 2.0
# A process that stood still for so long (seconds) may have given up an answer that was there.
_STILL = 1.0


@frozen
class Answer:
    """The values of one cycle; the meter had sent them at ``t`` (Unix seconds)."""

    t: float
    values: Values


@frozen
class Kept:
    """A reading that was committed, by the daemon of this ``life``; ``ts`` in Unix ms."""

    ts: int
    life: int
    values: Values


def answered(
    record: Iterable[dict[str, Any]], obis: dict[str, str], kilo: frozenset[str]
) -> dict[str, list[Answer]]:
    """By meter; ``obis`` gives the measurement of each code, ``kilo`` those told in thousands."""
    scalers: dict[tuple[str, str], int] = {}
    found: dict[str, list[Answer]] = defaultdict(list)
    for entry in record:
        meter, values = entry["meter"], {}
        for code, attribute, raw in entry["results"]:
            if attribute == 3:
                scalers[meter, code] = json.loads(raw)[0]
            elif code in obis:
                name = obis[code]
                value = Decimal(raw).scaleb(scalers[meter, code])
                values[name] = value / 1000 if name in kilo else value
        if values:
            found[meter].append(Answer(entry["t"], values))
    return found


class Comparison:
    """Of one meter's readings, in order of ``ts``, with its answers; ``wrong`` are sentences.

    A ``ts`` is the middle of a cycle, the answer of which came within it and no other did: of
    all answers it is the nearest. ``farthest`` is the longest way between them, in seconds,
    ``altered`` how many readings are no answer of their time.
    """

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = answers
        self._times = [each.t for each in answers]
        self.farthest = 0.0
        self.altered = 0

    def wrong(self, readings: Iterable[Kept]) -> Iterator[str]:
        life, before = 0, -1
        for kept in readings:
            same = self._same(kept)
            at = next((each for each in same if each > before), None)
            if at is None:
                self.altered += 1
                before_it = "an answer that had been kept before"
                yield f"{kept.ts} is {before_it if same else 'not what the meter answered then'}"
                continue
            self.farthest = max(self.farthest, self._off(kept, at))
            if life == kept.life:
                yield from self._left_out(before, at)
            life, before = kept.life, at

    def _off(self, kept: Kept, at: int) -> float:
        return abs(self._times[at] - kept.ts / 1000)

    def _same(self, kept: Kept) -> list[int]:
        """The answers with its values that are as near as the nearest."""
        at = bisect_left(self._times, kept.ts / 1000)
        near = range(max(0, at - 3), min(at + 3, len(self._times)))
        most = min([FARTHEST, *(self._off(kept, each) + _SLACK for each in near)])
        return [
            each
            for each in near
            if self._off(kept, each) <= most and self._answers[each].values == kept.values
        ]

    def _left_out(self, first: int, last: int) -> Iterator[str]:
        """A life keeps all that it was answered between two readings of it.

        But an answer that was asked for again came twice.
        """
        for at in range(first + 1, last):
            one, earlier, later = self._answers[at], self._answers[at - 1], self._answers[at + 1]
            still = max(one.t - earlier.t, later.t - one.t) > _STILL
            if not still and one.values not in (earlier.values, later.values):
                yield f"what the meter answered at {one.t:.3f} was not kept, a later answer was"
