"""How long an answer is waited for: as long as the meter's answers take, and some more.

The estimate is that of TCP (RFC 6298): a smoothed round trip and four times its variation.
An answer that may have been to a repetition is no measurement (Karn), and each silence
doubles the wait until the next measurement.

Only a wait that ends in a repetition is estimated. A wait after which the link is given up
has the whole of the configured timeout: a needless repetition costs a frame, a link that
was given up needlessly costs a reading.
"""

from __future__ import annotations

from typing import Final

# RFC 6298, 2.2 and 2.3: the weights of a new measurement, and what variation counts.
_ALPHA: Final = 1 / 8
_BETA: Final = 1 / 4
_K: Final = 4
LEAST_SECONDS: Final = 0.5


class RoundTrip:
    """One meter's round trip; everything in seconds.

    ``ceiling`` is the configured timeout, ``floor`` the least wait that is worth it.
    ``smoothed`` is None before the first measurement.
    """

    def __init__(self, ceiling: float, floor: float = LEAST_SECONDS) -> None:
        self.ceiling = ceiling
        self.smoothed: float | None = None
        self.wait = ceiling
        self._floor = min(floor, ceiling)
        self._variation = 0.0

    def measured(self, seconds: float) -> None:
        """An answer that can only be to the one time that was asked."""
        if self.smoothed is None:
            self.smoothed = seconds
            self._variation = seconds / 2
        else:
            off = seconds - self.smoothed
            self._variation += _BETA * (abs(off) - self._variation)
            self.smoothed += _ALPHA * off
        wait = self.smoothed + _K * self._variation
        # Once for each answer: min and max would cost more than all the rest.
        if wait < self._floor:
            self.wait = self._floor
        else:
            self.wait = wait if wait < self.ceiling else self.ceiling

    def silent(self) -> None:
        """No answer within the wait."""
        self.wait = min(self.wait * 2, self.ceiling)
