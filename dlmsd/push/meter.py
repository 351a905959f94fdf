"""One meter that pushes: from its notifications to committed readings, and its status."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.security.errors import MissingKeyError, PlainTextError
from dlmsd.dlms.xdlms.notification import DataNotificationConfirm
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS
from dlmsd.errors import DlmsdError
from dlmsd.meter.account import RECENT
from dlmsd.meter.deadline import Deadline
from dlmsd.meter.ends import known
from dlmsd.meter.identity import SERIALS, Identity
from dlmsd.meter.installation import Installation
from dlmsd.meter.payload import Push
from dlmsd.model import MeterState, MeterStatus, Reading
from dlmsd.push.clock import told_ts
from dlmsd.push.errors import PushSilenceError
from dlmsd.push.security import PushSecurity
from dlmsd.push.values import Picker

Confirm = Callable[[DataNotificationConfirm], None]
Keep = Callable[[Reading, Sequence[str]], Deferred[None]]
"""The outbox's, for these sinks."""


class PushedMeter:
    """Opens, picks, commits and tells status; whose a push is others decide.

    A push that is not believed counts as failed and changes nothing else: whoever forges one
    must not take the meter off the page. ``last_ts`` is the newest timestamp that the store
    has (ms, 0 for none); ``wall`` gives Unix seconds.
    """

    _log = Logger()

    def __init__(
        self,
        options: MeterOptions,
        security: PushSecurity | None,
        *,
        commit: Keep,
        post: Callable[[MeterStatus | Identity], None],
        clock: IReactorTime,
        wall: Callable[[], float],
        last_ts: int = 0,
    ) -> None:
        self.options = options
        self._security = security
        self._commit = commit
        self._post = post
        self._clock = clock
        self._wall = wall
        self._last_ts = last_ts
        self._picker = Picker(options)
        self._installation = Installation.of(options)
        self._silence = Deadline(clock, self._silent)
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._running = False
        self._troubles = 0
        self._told: set[str] = set()
        self._unconfirmed: set[str] = set()
        self._status = waiting(options)
        self._serial = ""

    def start(self) -> None:
        """Expect pushes from now on."""
        self._running = True
        self._post(self._status)
        self._silence.set(self.options.expect_every)

    def stop(self) -> None:
        """Expect no more."""
        self._running = False
        self._silence.stop()

    def opened(self, apdu: bytes) -> bytes:
        """The plain APDU inside; SecurityError or DecodeError if it is not to be believed."""
        ciphered = apdu[:1] and apdu[0] in PROTECTED_TAGS
        if self._security is not None:
            return self._security.open(apdu)
        if ciphered:
            raise MissingKeyError(f"a ciphered push (tag {apdu[0]:02X}), and security is none")
        return apdu

    async def answering(self, plain: bytes) -> bytes:
        """``plain`` protected as its pushes are; SecurityError or another DlmsdError if it
        cannot be.
        """
        return plain if self._security is None else await self._security.protect(plain)

    def expects_plain(self) -> None:
        """PlainTextError if nothing in plain text is believed."""
        if self._security is not None:
            raise PlainTextError("a push")

    def take(
        self,
        push: Push,
        origin: str,
        confirm: Confirm = lambda confirmation: None,
    ) -> None:
        """A push of this meter, proved as far as ``security`` asks for.

        ``confirm`` answers one that wants it, as soon as what is in it is kept: until then
        the meter may send it again.
        """
        if not self._running:
            return
        confirmed = partial(_confirm, push, confirm)
        self._silence.set(self.options.expect_every)
        picked = self._picker.pick(push, self._clock.seconds())
        self._meet(picked.serial)
        absent = {
            key: reason for key, reason in self._status.absent.items() if key not in picked.values
        }
        units = {**self._status.units, **picked.units}
        changes: dict[str, Any] = {
            "address": origin,
            "absent": {**absent, **picked.absent},
            "units": units,
            "notifications": self._status.notifications + 1,
        }
        if not picked.values:
            # A short list of what nobody wants is a sign of life all the same.
            self._change(**changes)
            confirmed()
            return
        wall = self._wall()
        told = told_ts(push, wall, self._installation)
        ts = max(int(wall * 1000) if told is None else told, self._last_ts + 1)
        self._last_ts = ts
        reading = Reading(self.options.name, ts, picked.values)
        self._commit(reading, self.options.sinks).addCallbacks(
            self._committed,
            self._uncommitted,
            callbackArgs=(reading, changes, confirmed, self._troubles),
        )

    def _meet(self, serial: str) -> None:
        if serial and serial != self._serial:
            self._serial = serial
            now = int(self._wall() * 1000)
            self._post(Identity(self.options.name, serial, told_by=str(SERIALS[0]), ts=now))

    def refuse(self, error: DlmsdError) -> None:
        """Something that claims to be of this meter is of no use."""
        if self._running:
            self._count(False)
            self._tell(error, failed=self._status.failed + 1)

    def unconfirmed(self, reason: Failure) -> None:
        """A push that wanted to be confirmed was kept, and could not be."""
        error = reason.value
        if not isinstance(error, DlmsdError):
            self._log.failure("A push was not confirmed", reason, meter=self.options.name)
        elif error.advice not in self._unconfirmed:
            self._unconfirmed.add(error.advice)
            self._log.warn(
                "{meter}: pushes are kept and not confirmed: {reason} {advice}",
                meter=self.options.name,
                reason=str(error),
                advice=error.advice,
            )

    def _committed(
        self,
        _: None,
        reading: Reading,
        changes: dict[str, Any],
        confirmed: Callable[[], None],
        troubles: int,
    ) -> None:
        confirmed()
        self._count(True)
        if troubles == self._troubles:
            # A disk that hung does not end what went wrong since.
            self._told.clear()
            changes |= {"state": MeterState.READING, "error": "", "advice": ""}
            if self._status.state is not MeterState.READING:
                self._log.info(
                    "{meter}: pushed {count} values", meter=reading.meter, count=len(reading.values)
                )
        self._change(
            **changes,
            reading=reading,
            values={**self._status.values, **reading.values},
            good=self._status.good + 1,
        )

    def _uncommitted(self, reason: Failure) -> None:
        self.refuse(known(reason, self._log, "A push was not kept", self.options.name))

    def _silent(self) -> None:
        seconds = self.options.expect_every
        error = PushSilenceError(f"no push for {seconds:g} s")
        self._tell(error, state=MeterState.DOWN)

    def _tell(self, error: DlmsdError, **changes: Any) -> None:
        """Trouble: on the status each time, in the log once a kind between two good pushes."""
        self._troubles += 1
        if error.advice not in self._told:
            self._told.add(error.advice)
            self._log.warn("{meter}: {reason}", meter=self.options.name, reason=str(error))
        self._change(
            error=str(error),
            advice=error.advice,
            cause=error.cause,
            error_ts=int(self._wall() * 1000),
            **changes,
        )

    def _count(self, good: bool) -> None:
        self._recent.append(good)

    def _change(self, **changes: Any) -> None:
        recent = sum(self._recent) / len(self._recent) if self._recent else None
        self._status = evolve(self._status, recent=recent, **changes)
        self._post(self._status)


def _confirm(push: Push, confirm: Confirm) -> None:
    if push.confirmation is not None:
        confirm(push.confirmation)


def waiting(options: MeterOptions) -> MeterStatus:
    """The status of a meter that has pushed nothing yet."""
    inactive = options.status != "active"
    return MeterStatus(
        name=options.name,
        address=options.address,
        profile=options.profile,
        interval=options.expect_every,
        state=MeterState.INACTIVE if inactive else MeterState.CONNECTING,
    )
