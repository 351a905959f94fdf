"""Latencies that a gateway reports in its records' metadata (G13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.thingsboard import values
from tests.thingsboard.device import Device

if TYPE_CHECKING:
    from tests.thingsboard.session import Session

PERIOD = 60.0


class Metrics:
    """Gathers what a gateway says, and keeps it as the gateway's telemetry every minute."""

    def __init__(self, session: Session, device: Device) -> None:
        self._session = session
        self._device = device
        self._latencies: dict[str, list[tuple[int, int]]] = {}
        self._running = False

    def saw(self, records: Sequence[values.Record]) -> None:
        for record in records:
            metadata = values.plain(record.metadata)
            if not isinstance(metadata, dict):
                continue
            connector, received, published = (metadata.get(key) for key in _KEYS)
            if (
                isinstance(connector, str)
                and isinstance(received, int)
                and isinstance(published, int)
            ):
                latency = published - received, self._session.server.now - published
                self._latencies.setdefault(connector, []).append(latency)
                if not self._running:
                    self._running = True
                    self._session.later(PERIOD, self._report)

    def stop(self) -> None:
        self._latencies.clear()

    def _report(self) -> None:
        self._running = False
        told: dict[str, Any] = {}
        for connector, latencies in self._latencies.items():
            told[connector] = {}
            for name, of in (("Gw", 0), ("Transport", 1)):
                some = [one[of] for one in latencies]
                told[connector][f"avg{name}Latency"] = sum(some) // len(some)
                told[connector][f"min{name}Latency"] = min(some)
                told[connector][f"max{name}Latency"] = max(some)
        self._latencies.clear()
        self._device.keep([values.Record(self._session.server.now, {"gatewayMetrics": told})])


_KEYS = ("connector", "receivedTs", "publishedTs")
