"""How long a meter may give no good reading, whatever happens or hangs instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from dlmsd.config.values import MeterOptions
from dlmsd.errors import SilenceError
from dlmsd.meter.deadline import Deadline
from dlmsd.meter.gaps import spacing

# A meter that is read seldom is not silent before it has missed a few cycles.
_CYCLES: Final = 3


class SilenceWatch:
    """Calls ``bark`` each time that it lasted so long; never where the meter's options say 0."""

    def __init__(
        self, options: MeterOptions, clock: IReactorTime, bark: Callable[[SilenceError], None]
    ) -> None:
        silence = options.recovery.silence
        self._seconds = silence and max(silence, _CYCLES * spacing(options))
        self._deadline = Deadline(clock, self._over)
        self._bark = bark

    def begin(self) -> None:
        """It is from now on that it lasts."""
        if self._seconds:
            self._deadline.set(self._seconds)

    def stop(self) -> None:
        """Nobody watches any more."""
        self._deadline.stop()

    def _over(self) -> None:
        self.begin()
        self._bark(SilenceError(f"no good reading for {self._seconds:.0f} s"))
