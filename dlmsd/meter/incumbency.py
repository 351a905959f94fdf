"""Whether who answers is the meter whose name its readings are filed under.

A meter may be replaced, or an address be given to another one. Both take a while in which
nothing is read, so that whoever answers after a pause is asked for its serial number before its
first reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from twisted.internet.interfaces import IReactorTime

from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.meter.gaps import SLOTS, spacing
from dlmsd.meter.identity import Serial, ask_serial, measured
from dlmsd.meter.session import Session
from dlmsd.model import Value

# Nobody changes a meter in less (seconds); other gaps are short ones of the line.
_PAUSE: Final = 60.0
# A meter that told its serial number once, and fails when it is asked for it again, is read all
# the same after so many times: it must not be lost for that.
_PATIENCE: Final = 3


class Incumbency:
    """Of one meter. ``known`` tells whether there is a serial number to compare with.

    ``meet`` hears of the one that was told; it raises ReplacedError where that is another's.
    """

    def __init__(
        self,
        options: MeterOptions,
        *,
        known: Callable[[], bool],
        meet: Callable[[Serial], None],
        clock: IReactorTime,
    ) -> None:
        self._options = options
        self._known = known
        self._meet = meet
        self._clock = clock
        self._measured = measured(options)
        self._pause = max(_PAUSE, spacing(options) * SLOTS)
        self._sure_at: float | None = None
        self._failures = 0

    async def confirm(self, session: Session) -> None:
        """Ask, if this may be another meter by now. Raises what ``session`` does, too."""
        now = self._clock.seconds()
        if not self._known() or (self._sure_at is not None and now - self._sure_at < self._pause):
            return
        try:
            told = await ask_serial(self._options, session)
        except DlmsdError:
            self._failures += session.attached
            if self._failures < _PATIENCE:
                raise
            told = Serial()
        self._failures = 0
        self._meet(told)
        self._sure_at = now

    def judge(self, values: Mapping[str, Value]) -> None:
        """What a cycle gave may hold a serial number."""
        told = self._measured
        if told is not None and told.key in values:
            self._meet(Serial(str(values[told.key]), str(told.attribute.obis)))
        self._sure_at = self._clock.seconds()
