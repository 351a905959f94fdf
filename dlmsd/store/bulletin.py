"""A store's status for the board: often changed, posted at most once a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import evolve
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.errors import StoreError
from dlmsd.model import OutboxStatus

POST_SECONDS: Final = 1.0


class Bulletin:
    """The newest status, with the error that stands; logs when that begins and ends.

    ``obstacle`` tells why nothing can be stored now, although the last write was good.
    """

    log = Logger()

    def __init__(
        self,
        file: str,
        clock: IReactorTime,
        post: Callable[[OutboxStatus], None],
        obstacle: Callable[[], StoreError | None] = lambda: None,
    ) -> None:
        self.status = OutboxStatus()
        self._file = file
        self._clock = clock
        self._post = post
        self._obstacle = obstacle
        self._alarms: list[str] = []
        self._last = clock.seconds() - POST_SECONDS
        self._timer: IDelayedCall | None = None

    def good(self, status: OutboxStatus) -> None:
        """Something was written; ``status`` is what the file holds now."""
        self._tell(status, self._obstacle())

    def bad(self, error: StoreError) -> None:
        """Something could not be written."""
        self._tell(self.status, error)

    def alarm(self, text: str) -> None:
        """An operator must look at this; it stands from now on."""
        self.log.critical("{alarm}", alarm=text, file=self._file)
        self._alarms.append(text)

    def close(self) -> None:
        """Post what was not posted yet; nothing is delayed any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._now()

    def _tell(self, status: OutboxStatus, trouble: StoreError | None) -> None:
        error = "" if trouble is None else str(trouble)
        if error and not self.status.error:
            self.log.error("The outbox cannot be used: {error}", error=error, file=self._file)
        elif self.status.error and not error:
            self.log.info("{file} can be written again", file=self._file)
        self.status = evolve(
            status, error=error, full=trouble.full if trouble else "", alarm="; ".join(self._alarms)
        )
        if self._timer is None:
            wait = self._last + POST_SECONDS - self._clock.seconds()
            if wait <= 0:
                self._now()
            else:
                self._timer = self._clock.callLater(wait, self._now)

    def _now(self) -> None:
        self._timer = None
        self._last = self._clock.seconds()
        self._post(self.status)
