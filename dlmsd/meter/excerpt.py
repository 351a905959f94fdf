"""A piece of a meter's load profile that fits into one message.

It is read in parts, each of them short enough that the meter's cycles go on between them.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final

import msgspec

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.meter.dated import DatedRows
from dlmsd.meter.installation import Installation
from dlmsd.meter.profile import ProfileReading
from dlmsd.meter.session import Session
from dlmsd.model import Value

# ThingsBoard takes messages of 64 KiB; units, names and what is around the rows need some.
MOST_OCTETS: Final = 48 << 10
# Before it is known how often the meter captures; then so many rows a part.
_FIRST: Final = datetime.timedelta(hours=1)
_ROWS: Final = 100
_SPORADIC: Final = datetime.timedelta(days=1)
# The finest step that a range can name.
_STEP_MS: Final = 1000
# Of a row: its ts, and what is between rows.
_AROUND: Final = 40

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Excerpt:
    """Rows from ``start`` to ``end`` (Unix ms), both included, the oldest first.

    ``rows`` are by time (ms). Until it is ``complete``, ``reached`` is the time (ms) from which
    on there may be more.
    """

    def __init__(self, options: MeterOptions, profile: Obis, start: int, end: int) -> None:
        self._options = options
        self._profile = profile
        self._end = end
        self._part = _FIRST
        self._room = MOST_OCTETS
        self.rows: dict[int, Mapping[str, Value]] = {}
        self.units: Mapping[str, str] = {}
        self.reached = start
        self.full = False

    @property
    def complete(self) -> bool:
        """Whether the end was reached."""
        return not self.full and self.reached > self._end

    async def read(self, session: Session) -> None:
        """The next part; a DlmsdError of the session is raised."""
        last = min(self.reached + self._part // datetime.timedelta(milliseconds=1), self._end)
        found = DatedRows()
        reading = ProfileReading(
            self._profile,
            _moment(self.reached),
            _moment(last),
            found.take,
            read=self._options.read,
            installation=Installation.of(self._options),
        )
        await reading.run(session)
        if reading.layout is not None:
            self.units = reading.layout.units
            period = reading.layout.period
            self._part = _ROWS * datetime.timedelta(seconds=period) if period else _SPORADIC
        self._keep({_ms(time): row.values for time, row in found.rows.items()})
        if not self.full:
            self.reached = last + _STEP_MS

    def _keep(self, found: Mapping[int, Mapping[str, Value]]) -> None:
        for ts in sorted(found):
            if ts in self.rows:
                continue
            self._room -= len(_encode(found[ts])) + _AROUND
            if self._room < 0:
                self.reached, self.full = ts, True
                return
            self.rows[ts] = found[ts]


def _moment(ts: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ts / 1000, datetime.UTC)


def _ms(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)
