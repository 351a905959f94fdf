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

# A ``ts`` has whole milliseconds, and the two clocks of a cycle may differ by one more.
_SLACK = 0.002
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
        before: tuple[int, int] | None = None
        for kept in readings:
            at = self._answer(kept)
            if at is None:
                self.altered += 1
                yield f"{kept.ts} is not what the meter answered then"
                continue
            if before is not None and at <= before[1]:
                yield f"{kept.ts} is an answer that had been kept before"
            elif before is not None and before[0] == kept.life:
                yield from self._left_out(before[1], at)
            before = kept.life, at

    def _answer(self, kept: Kept) -> int | None:
        """Which one it is; of two that are as near, as one that was sent again, either."""
        middle = kept.ts / 1000 + 0.0005
        at = bisect_left(self._times, middle)
        near = [each for each in range(at - 2, at + 2) if 0 <= each < len(self._times)]
        off = {each: abs(self._times[each] - middle) for each in near}
        most = min([FARTHEST, *(each + _SLACK for each in off.values())])
        for each in near:
            if off[each] <= most and self._answers[each].values == kept.values:
                self.farthest = max(self.farthest, off[each])
                return each
        return None

    def _left_out(self, first: int, last: int) -> Iterator[str]:
        """A life keeps all that it was answered between two readings of it."""
        for at in range(first + 1, last):
            one, after = self._answers[at], self._answers[at + 1]
            still = max(one.t - self._answers[at - 1].t, after.t - one.t) > _STILL
            if not still and one.values != after.values:
                yield f"what the meter answered at {one.t:.3f} was not kept, a later answer was"
