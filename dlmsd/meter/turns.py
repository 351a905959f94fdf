"""Who wants to speak to a meter besides its cycles; each gets a turn between two of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dlmsd.errors import DlmsdError
from dlmsd.meter.session import Session

Work: TypeAlias = Callable[[Session], Awaitable[Any]]
"""What is done with the session, which is associated; it may raise a DlmsdError."""


class Turns:
    """One meter's, in the order in which they were asked for."""

    _log = Logger()

    def __init__(self) -> None:
        self._waiting: deque[tuple[Work, Deferred[Any]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def ask(self, work: Work) -> Deferred[Any]:
        """What ``work`` gives, or the DlmsdError that it or the way to the meter ends with.

        Cancelled, it is not begun any more; what has begun goes on to its end.
        """
        asked: Deferred[Any] = Deferred(lambda _: self._forget(asked))
        self._waiting.append((work, asked))
        return asked

    def _forget(self, asked: Deferred[Any]) -> None:
        self._waiting = deque(each for each in self._waiting if each[1] is not asked)

    def refuse(self, error: DlmsdError) -> None:
        """The meter cannot be spoken to: everybody who waits is told."""
        waiting, self._waiting = self._waiting, deque()
        for _, asked in waiting:
            asked.errback(error)

    async def take(self, session: Session) -> None:
        """The next one's turn; no error leaves here."""
        work, asked = self._waiting.popleft()
        result: Any
        try:
            result = await work(session)
        except DlmsdError as error:
            result = error
        except Exception:  # noqa: BLE001 - a bug in one errand must not end the cycles
            self._log.failure("What a meter was asked ended by a fault of dlmsd")
            result = DlmsdError("a fault of dlmsd; the log has the details")
        if asked.called:
            return
        if isinstance(result, DlmsdError):
            asked.errback(result)
        else:
            asked.callback(result)
