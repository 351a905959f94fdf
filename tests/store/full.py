"""An outbox that fills up to its limit."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher

from dlmsd.store import housekeeping
from tests.store.case import NOW_MS, OutboxCase, reading

HOUR = 3600
BODY = "x" * 2000
GAPS = "SELECT meter, sink, from_ts, to_ts, count, cause FROM gaps ORDER BY id"


class FullCase(OutboxCase):
    """Room is made ten rows at a time; ``warnings`` are what the log had."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(housekeeping, "FORGET_ROWS", 10)
        self.patch(housekeeping, "DROP_ROWS", 10)
        self.ts = NOW_MS
        self.warnings: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.warnings.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.warnings.append)

    def fill(self, count: int, meter: str = "planta-a", sinks: tuple[str, ...] = ("tb",)) -> None:
        for _ in range(count):
            self.ts += 1000
            self.store(reading(meter, self.ts, text=BODY), sinks=sinks)
