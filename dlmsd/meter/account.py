"""What is told of one meter: its counters, its standing, its last reading and last trouble."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.config.values import MeterOptions
from dlmsd.errors import DlmsdError
from dlmsd.meter.ends import known
from dlmsd.meter.factory import MeterFactory
from dlmsd.meter.session import Session
from dlmsd.model import MeterState, MeterStatus, Reading
from dlmsd.standing import Standing

# The success rate is that of the last hundred cycles: long enough to be calm, short
# enough to show a repair within minutes.
RECENT: Final = 100


class Account:
    """Posts a new status whenever something changed. ``missed`` counts slots that passed,
    ``troubles`` whatever went wrong.
    """

    _log = Logger()

    def __init__(
        self,
        options: MeterOptions,
        session: Session,
        factory: MeterFactory,
        *,
        post: Callable[[MeterStatus], None],
        clock: IReactorTime,
        wall: Callable[[], float],
    ) -> None:
        self.missed = 0
        self.troubles = 0
        self._session = session
        self._factory = factory
        self._post = post
        self._clock = clock
        self._wall = wall
        self._standing = Standing()
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._recent_good = 0
        self._status = MeterStatus(
            name=options.name,
            address=options.address,
            profile=options.profile,
            interval=options.interval,
            state=MeterState.CONNECTING,
        )

    def stands(self, standing: Standing) -> None:
        """The ladder moved; it is shown with what happens next."""
        self._standing = standing

    def planned(self) -> None:
        """It is known when the next attempt is."""
        self.change(next_attempt_ts=self._next_attempt())

    def good(self, reading: Reading, seconds: float, troubles: int, **changes: Any) -> None:
        """A reading was committed; its cycle took so many ``seconds``, and ended after so many
        ``troubles``: a disk that hung does not end those that came since.
        """
        self._count(True)
        well = {"state": MeterState.READING, "error": "", "advice": "", "next_attempt_ts": None}
        newest = troubles == self.troubles
        if newest and self._status.state is not MeterState.READING:
            self._log.info(
                "{meter}: read {count} values in {seconds:.2f} s",
                meter=reading.meter,
                count=len(reading.values),
                seconds=seconds,
            )
        self.change(
            reading=reading,
            values={**self._status.values, **reading.values},
            good=self._status.good + 1,
            cycle_seconds=seconds,
            **(well if newest else {}),
            **changes,
        )

    def told(self, _: None, reading: Reading) -> None:
        """What the meter said unasked was committed; no cycle gave it."""
        self.change(reading=reading, values={**self._status.values, **reading.values})

    def unkept(self, reason: Failure) -> None:
        """A reading was not committed."""
        self.failed(known(reason, self._log, "A reading was not kept", self._status.name))

    def failed(self, error: DlmsdError) -> None:
        """A cycle gave nothing."""
        self._count(False)
        resting = self._standing.resting_until is not None
        state = MeterState.WAITING if resting else MeterState.DOWN
        self.trouble(error, state, failed=self._status.failed + 1)

    def trouble(self, error: DlmsdError, state: MeterState, **changes: Any) -> None:
        """On the status each time, in the log when it is a new one."""
        self.troubles += 1
        if str(error) != self._status.error:
            self._log.warn("{meter}: {reason}", meter=self._status.name, reason=str(error))
        self.change(
            state=state,
            error=str(error),
            advice=error.advice,
            cause=error.cause,
            error_ts=int(self._wall() * 1000),
            next_attempt_ts=self._next_attempt(),
            **changes,
        )

    def change(self, **changes: Any) -> None:
        """Post what is so now."""
        factory, traffic = self._factory, self._session.traffic
        self._status = evolve(
            self._status,
            recent=self._recent_good / len(self._recent) if self._recent else None,
            missed=self.missed,
            connects=factory.connects,
            noise_bytes=factory.noise,
            bad_frames=factory.bad_frames,
            latency=self._session.latency,
            standing=self._standing,
            requests=traffic.requests,
            responses=traffic.responses,
            octets_out=traffic.octets_out,
            octets_in=traffic.octets_in,
            notifications=traffic.notifications,
            **changes,
        )
        self._post(self._status)

    def _count(self, good: bool) -> None:
        if len(self._recent) == RECENT:
            self._recent_good -= self._recent[0]
        self._recent.append(good)
        self._recent_good += good

    def _next_attempt(self) -> int | None:
        """As wall time in ms."""
        rest, planned = self._standing.resting_until, self._factory.next_attempt
        found = [at for at in (rest, planned) if at is not None]
        if not found:
            return None
        return int((self._wall() + max(found) - self._clock.seconds()) * 1000)
