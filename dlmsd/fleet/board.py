"""The board on which meters, sinks and outbox post their frozen statuses.

Readers (the page, the report line) look here; they never ask a machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from twisted.logger import Logger

from dlmsd.fleet.door import Door
from dlmsd.meter.identity import Identity
from dlmsd.model import (
    AlarmStatus,
    Gone,
    ListenerStatus,
    MeterStatus,
    OutboxStatus,
    ReloadStatus,
    SinkStatus,
)

Status = (
    MeterStatus
    | Identity
    | SinkStatus
    | ListenerStatus
    | OutboxStatus
    | AlarmStatus
    | ReloadStatus
    | Gone
)


class Board:
    """The latest status of everything, and who wants to hear of the next one.

    ``identities`` are what meters told of themselves, by meter.

    ``unsafe`` counts by meter how often messages were not what its security promises.
    """

    _log = Logger()

    def __init__(self) -> None:
        self.meters: dict[str, MeterStatus] = {}
        self.identities: dict[str, Identity] = {}
        self.sinks: dict[str, SinkStatus] = {}
        self.listeners: dict[str, ListenerStatus] = {}
        self.outbox = OutboxStatus()
        self.alarms = AlarmStatus()
        self.reload: ReloadStatus | None = None
        self.door = Door()
        self.unsafe: Counter[str] = Counter()
        self._readers: list[Callable[[Status], None]] = []

    def post(self, status: Status) -> None:
        """Replace the status of the same name and tell every reader."""
        if isinstance(status, MeterStatus):
            before = self.meters.get(status.name)
            self.meters[status.name] = status
            if status.cause == "security" and _is_news(status, before):
                self.unsafe[status.name] += 1
        elif isinstance(status, Identity):
            self.identities[status.name] = status
        elif isinstance(status, SinkStatus):
            self.sinks[status.name] = status
        elif isinstance(status, ListenerStatus):
            self.listeners[status.name] = status
        elif isinstance(status, AlarmStatus):
            self.alarms = status
        elif isinstance(status, ReloadStatus):
            self.reload = status
        elif isinstance(status, Gone):
            self._forget(status)
        else:
            self.outbox = status
        for reader in tuple(self._readers):
            try:
                reader(status)
            except Exception:  # noqa: BLE001 - one reader's bug must not cost who posts, nor the others
                self._log.failure("A reader of the board failed")

    def _forget(self, gone: Gone) -> None:
        if gone.kind == "meter":
            self.meters.pop(gone.name, None)
            self.identities.pop(gone.name, None)
            self.unsafe.pop(gone.name, None)
        elif gone.kind == "sink":
            self.sinks.pop(gone.name, None)
        else:
            self.listeners.pop(gone.name, None)

    def subscribe(self, reader: Callable[[Status], None]) -> Callable[[], None]:
        """Call ``reader`` with each new status; the result ends the subscription."""
        self._readers.append(reader)
        return lambda: self._readers.remove(reader)


def _is_news(status: MeterStatus, before: MeterStatus | None) -> bool:
    return bool(status.error) and (before is None or status.error_ts != before.error_ts)
