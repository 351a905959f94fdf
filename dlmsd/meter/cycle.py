"""What one cycle asks of a meter, and the values that come of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from dlmsd.config.values import Measurement
from dlmsd.dlms.outcome import GetResult, Unasked
from dlmsd.dlms.xdlms.access_result import LASTING, DataAccessResult
from dlmsd.meter.compact import CompactReader, Unread
from dlmsd.meter.installation import BARE, Installation
from dlmsd.meter.news import told
from dlmsd.meter.scales import Unscaled, learn
from dlmsd.meter.scaling import Scale
from dlmsd.meter.session import Session
from dlmsd.model import Value

# So often in a row one measurement is refused before it is left alone for a while: a meter that
# starts refuses what it has a little later.
PATIENCE: Final = 3
# How long, in seconds: twice as long each time, and once an hour at least it is asked for again.
_FIRST_REST: Final = 60.0
_LONGEST_REST: Final = 3600.0
_DOUBLINGS: Final = 6
# A meter that speaks unasked without end must not fill the outbox (seconds).
_BETWEEN_NEWS: Final = 1.0


class Cycle:
    """The measurements of one meter, with the scaler and unit of each, read once and kept.

    What the meter refuses for good, while it gives others, is asked for more and more seldom.

    ``units`` maps a key to its published unit; ``absent`` maps the key of a measurement
    that the last cycle could not give to the reason. ``doubt`` hears, once, of a unit that
    is not the wanted one.
    """

    def __init__(
        self,
        read: Sequence[Measurement],
        session: Session,
        interval: float,
        doubt: Callable[[str, str], None],
        installation: Installation = BARE,
    ) -> None:
        self._read = read
        self._session = session
        compact = any(wanted.compact is not None for wanted in read)
        self._compact = CompactReader(session) if compact else None
        self._slack = interval / 2
        self._doubt = doubt
        self._installation = installation
        self._scales: dict[str, Scale] = {}
        self._last: dict[str, float] = {}
        self._absent: dict[str, str] = {}
        self._refusals: dict[str, int] = {}
        self._rests: dict[str, float] = {}
        self._heard = -_BETWEEN_NEWS
        self.units: Mapping[str, str] = MappingProxyType({})
        self.scales_kept = self.scales_asked = 0

    @property
    def absent(self) -> Mapping[str, str]:
        """Why a measurement is missing, by key."""
        return dict(self._absent) if self._absent else self._absent

    def due(self, now: float) -> Sequence[Measurement]:
        """What to read in the cycle that begins ``now`` (seconds of the clock)."""
        return [wanted for wanted in self._read if self._due_at(wanted) <= now]

    @property
    def due_at(self) -> float:
        """When something is to be read next, or was to be (seconds of the clock)."""
        return min(map(self._due_at, self._read), default=-math.inf)

    def _due_at(self, wanted: Measurement) -> float:
        key, at = wanted.key, -math.inf
        if wanted.every and key in self._last:
            at = self._last[key] + wanted.every - self._slack
        return max(at, self._rests[key]) if key in self._rests else at

    async def run(
        self,
        due: Sequence[Measurement],
        now: float,
        asking: Callable[[], object] = lambda: None,
    ) -> dict[str, Value]:
        """Read what is ``due``; a value for each key that the meter gave one for.

        ``asking`` is called when their scales are known and the values are asked for.
        """
        new = [wanted for wanted in due if wanted.key not in self._scales]
        self.scales_kept += len(due) - len(new)
        refused: list[str] = []
        if new:
            self.scales_asked += len(new)
            refused += await self._learn(new)
        known = [wanted for wanted in due if wanted.key in self._scales]
        asking()
        results = await self._results(known)
        values: dict[str, Value] = {}
        for wanted, result in zip(known, results, strict=True):
            key = wanted.key
            if isinstance(result, DataAccessResult):
                self._absent[key] = result.words
                if result in LASTING:
                    refused.append(key)
                continue
            if isinstance(result, Unread):
                self._absent[key] = result.reason
                continue
            value = self._scales[key].value(result)
            if value is None:
                self._absent[key] = f"no single value here: {result.tag.name.lower()}"
                continue
            values[key] = value
            self._last[key] = now
            if self._absent:
                self._absent.pop(key, None)
                self._refusals.pop(key, None)
                self._rests.pop(key, None)
        if refused and values:  # one that refuses everything has another trouble
            self._leave(refused, now)
        return values

    async def _results(self, known: Sequence[Measurement]) -> Sequence[GetResult | Unread]:
        if self._compact is not None:
            return await self._compact.get(known)
        return await self._session.get_many([wanted.attribute for wanted in known])

    def _leave(self, refused: Sequence[str], now: float) -> None:
        """Alone for a while, once it was refused often enough."""
        for key in refused:
            self._refusals[key] = count = self._refusals.get(key, 0) + 1
            if count >= PATIENCE:
                longer = 2 ** min(count - PATIENCE, _DOUBLINGS)
                self._rests[key] = now + min(_LONGEST_REST, _FIRST_REST * longer)

    def told(self, apdu: Unasked, now: float) -> dict[str, Value]:
        """The values in what the meter said unasked, of what is read and has a known scale."""
        values: dict[str, Value] = {}
        if now - self._heard < _BETWEEN_NEWS:
            return values
        for key, data in told(apdu, self._read, self._session.names).items():
            value = self._scales[key].value(data) if key in self._scales else None
            if value is not None:
                values[key] = value
                self._heard = now
        return values

    async def _learn(self, new: Sequence[Measurement]) -> list[str]:
        """Scaler and unit of what has none yet; the keys of what is refused for good."""
        refused = []
        for key, scale in (await learn(self._session, new, self._installation)).items():
            if isinstance(scale, Unscaled):
                self._absent[key] = scale.reason
                if scale.lasting:
                    refused.append(key)
                continue
            if scale.mismatch:
                self._doubt(key, scale.mismatch)
            self._scales[key] = scale
        self.units = MappingProxyType({key: scale.symbol for key, scale in self._scales.items()})
        return refused
