"""A desk with meters behind it, on a Clock, and everything that comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from dlmsd.config.values import MeterOptions, PushOptions
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.errors import StoreError
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterStatus, Reading
from dlmsd.push.assembly import Arrived
from dlmsd.push.desk import Desk
from dlmsd.push.framing import Route
from dlmsd.push.meter import PushedMeter
from dlmsd.push.security import received, secured
from dlmsd.push.stream import Stream
from tests.meter.fleet import MemoryCounters
from tests.push.pushes import HAN

NOW = 1_700_000_000.0
ROUTE = Route("wrapper", b"\x00\x01", b"\x00\x01")


class Room:
    """Meters and their desk. ``wall`` is settable; ``full`` makes the outbox refuse, and it commits
    when ``kept`` fires.
    """

    def __init__(
        self,
        *meters: MeterOptions,
        counters: MemoryCounters | None = None,
        last_ts: int = 0,
        wall: float = NOW,
        random: Callable[[int], bytes] = bytes,
    ) -> None:
        self.clock = Clock()
        self.wall = wall
        self.full = False
        self.kept = succeed(None)
        self.counters = counters or MemoryCounters()
        self.readings: list[Reading] = []
        self.answers: list[bytes] = []
        self.statuses: dict[str, MeterStatus] = {}
        self.identities: list[Identity] = []
        self.strangers: list[tuple[str, str]] = []
        found: list[object] = []
        Deferred.fromCoroutine(received(self.counters)).addBoth(found.append)
        (memory,) = found
        self.meters = [
            PushedMeter(
                options,
                secured(options, self.counters, memory, random),  # type: ignore[arg-type]
                commit=self._commit,
                post=self._post,
                clock=self.clock,
                wall=lambda: self.wall,
                last_ts=last_ts,
            )
            for options in meters
        ]
        self.desk = Desk(lambda *stranger: self.strangers.append(stranger))
        self.desk.know(self.meters)
        for one in self.meters:
            one.start()

    def send(self, *octets: bytes, listener: PushOptions = HAN, host: str = "192.0.2.1") -> None:
        """Framed octets, all in one stream."""
        for one in Stream(listener.framing).feed(b"".join(octets), self.clock.seconds()):
            assert isinstance(one, Arrived)
            self.desk.arrived(one, listener, host)

    def send_apdu(
        self,
        apdu: bytes,
        *,
        listener: PushOptions = HAN,
        host: str = "192.0.2.1",
        route: Route = ROUTE,
    ) -> None:
        frame = WrapperFrame(1, 1, apdu)
        self.desk.arrived(Arrived(apdu, route, frame), listener, host, self.answers.append)

    def stop(self) -> None:
        for one in self.meters:
            one.stop()

    @property
    def status(self) -> MeterStatus:
        """Of the only meter."""
        (status,) = self.statuses.values()
        return status

    def _commit(self, reading: Reading, sinks: Sequence[str]) -> Deferred[None]:
        if self.full:
            return fail(StoreError("the disk is full"))
        self.readings.append(reading)
        return self.kept

    def _post(self, status: MeterStatus | Identity) -> None:
        if isinstance(status, Identity):
            self.identities.append(status)
        else:
            self.statuses[status.name] = status
