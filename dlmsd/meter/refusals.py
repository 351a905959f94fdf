"""Which meters refused our credentials, and when.

This is remembered for as long as the process lives, so that a poller that is started again
does not begin to count anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final

from attrs import define, field

from dlmsd.config.recovery import MOST_REFUSALS
from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError

_HOUR: Final = 3600.0


@define(eq=False)
class Memory:
    """The refusals of one meter: it is not to be asked before ``until``, ``error`` being why.

    Times are seconds of the reactor's clock. Other ``credentials`` may be tried at once, but
    the meter counts them too.
    """

    credentials: Hashable = None
    until: float = 0.0
    error: DlmsdError | None = None
    _times: deque[float] = field(factory=lambda: deque(maxlen=MOST_REFUSALS), init=False)

    def refused(self, error: DlmsdError, now: float, pause: float, most: int) -> None:
        """The meter has refused them once more; ``most`` may be refused in an hour."""
        self._times.append(now)
        self.error = error
        self.until = max(now + pause, self._allowed(most))

    def present(self, credentials: Hashable, most: int) -> None:
        """These are used from now on."""
        if credentials != self.credentials:
            self.credentials = credentials
            self.until = self._allowed(most)

    def _allowed(self, most: int) -> float:
        return self._times[-most] + _HOUR if len(self._times) >= most else 0.0


class Refusals:
    """The memories of all meters."""

    def __init__(self) -> None:
        self._memories: dict[Hashable, Memory] = {}

    def of(self, meter: MeterOptions) -> Memory:
        """What this meter has refused; it is known by where it is and as whom it is asked."""
        key = meter.line, meter.logical_device, meter.physical_device, meter.client
        memory = self._memories.setdefault(key, Memory())
        memory.present(_credentials(meter), meter.recovery.refusals)
        return memory


def _credentials(meter: MeterOptions) -> Hashable:
    return (
        meter.authentication,
        meter.password,
        meter.security,
        meter.security_suite,
        meter.system_title,
        meter.encryption_key,
        meter.authentication_key,
        meter.manufacturer,
        meter.signing_key,
        meter.meter_signing_key,
    )
