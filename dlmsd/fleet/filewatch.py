"""Notices that the configuration was saved."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

# A look costs some microseconds; two in a row without a change end a save that is under way.
LOOK_SECONDS: Final = 1.0


class FileWatch:
    """Calls ``changed`` when the ``stamp`` of the files has become another, and stays so."""

    _log = Logger()

    def __init__(
        self, stamp: Callable[[], Hashable], changed: Callable[[], None], clock: IReactorTime
    ) -> None:
        self._stamp = stamp
        self._changed = changed
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._known: Hashable = None
        self._last: Hashable = None

    def watch(self, wanted: bool) -> None:
        """From now on, or no more; what is there now is known."""
        if wanted and not self._loop.running:
            self._known = self._last = self._stamp()
            self._loop.start(LOOK_SECONDS, now=False)
        elif not wanted and self._loop.running:
            self._loop.stop()

    def _look(self) -> None:
        try:
            found = self._stamp()
            settled, self._last = found == self._last, found
            if settled and found != self._known:
                self._known = found
                self._changed()
        except Exception:  # noqa: BLE001 - the next look must still come
            self._log.failure("The configuration's files could not be looked at")
