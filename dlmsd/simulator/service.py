"""A simulation: virtual meters that listen, and the Service around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from attrs import evolve, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dlmsd.config.values import Transport
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.errors import LocalError
from dlmsd.simulator.answer import Answered
from dlmsd.simulator.conversation import InstalledMeter
from dlmsd.simulator.faults import HDLC_ONLY, WRAPPER_ONLY, Fault, FaultInjector
from dlmsd.simulator.medium import Address, Medium
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.objects import Objects
from dlmsd.simulator.personality import MICROSTAR, Personality
from dlmsd.simulator.place import Place
from dlmsd.simulator.protocol import SimulatorFactory
from dlmsd.simulator.record import Record, Recorded, RecordFile, entry
from dlmsd.simulator.security import MeterSecurity

# 126 and 127 are reserved among the physical addresses of one octet (IEC 62056-46).
MAX_BEHIND_GATEWAY: Final = 125
_MAX_PORT: Final = 0xFFFF
_TCP: Final = Medium()


@frozen
class Endpoint:
    """Where a virtual meter can be read."""

    name: str
    host: str
    port: int
    logical: int
    physical: int
    transport: Transport = "tcp"
    device: str = ""
    announces: str = ""

    @property
    def place(self) -> str:
        """In words."""
        if self.announces:
            return f"calls as {self.announces}"
        return self.device or f"{self.host}:{self.port}/{self.transport}"


class Simulation:
    """``meters`` virtual meters of one personality, named ``virtual-001`` and so on.

    Each listens on a port of its own from ``port`` on, or on any free one if that is 0;
    with ``gateway`` all are behind one port, told apart by physical address (by logical
    device with WRAPPER, which knows no other), for one client at a time. ``medium`` may be
    another than TCP; a serial line is one with a ``gateway``, and else a line for each.
    ``seed`` decides what they measure, ``random`` when faults happen and which challenges
    they send, ``wall`` (Unix seconds) what time it is. LocalError for what does not fit
    together.
    """

    def __init__(
        self,
        *,
        reactor: Any,
        wall: Callable[[], float],
        random: Random,
        meters: int = 1,
        personality: Personality = MICROSTAR,
        medium: Medium = _TCP,
        port: int = 0,
        gateway: bool = False,
        interface: str = "127.0.0.1",
        faults: Sequence[Fault] = (),
        seed: int = 0,
        record: Record | None = None,
    ) -> None:
        if meters < 1 or (gateway and meters > MAX_BEHIND_GATEWAY):
            raise LocalError(f"a gateway has 1 to {MAX_BEHIND_GATEWAY} meters")
        if port and not gateway and port + meters - 1 > _MAX_PORT:
            raise LocalError(f"{meters} ports from {port} on are more than there are")
        medium.check(personality)
        self.endpoints: tuple[Endpoint, ...] = ()
        self._medium = medium
        self._reactor = reactor
        self._wall = wall
        self._port = port
        self._gateway = gateway
        self._interface = interface
        self._record = record
        self._personality = personality
        self._installed = tuple(
            self._install(index, seed, random) for index in range(1, meters + 1)
        )
        self._listening: list[tuple[Any, SimulatorFactory]] = []
        self.inject(faults)

    @property
    def meters(self) -> tuple[InstalledMeter, ...]:
        """Them all, in the order of their names."""
        return self._installed

    def inject(self, faults: Sequence[Fault], meter: str | None = None) -> None:
        """From now on these faults and no others, for one meter or for all.

        LocalError for an unknown meter, and for a fault that its framing cannot have.
        """
        hdlc = self._personality.framing == "hdlc"
        for fault in faults:
            if fault.kind in (WRAPPER_ONLY if hdlc else HDLC_ONLY):
                raise LocalError(f"{fault.kind.value} needs {'WRAPPER' if hdlc else 'HDLC'}")
        chosen = [one for one in self._installed if meter in (None, one.name)]
        if not chosen:
            raise LocalError(f"there is no meter {meter!r}")
        for one in chosen:
            one.faults.faults = tuple(faults)

    def report(
        self, meter: str, attributes: Sequence[AttributeDescriptor], *, confirmed: bool = False
    ) -> None:
        """One meter tells its associated clients these values unasked: in EventNotifications, or
        in a DataNotification that wants to be ``confirmed``; with short names in an
        InformationReport.
        """
        for _, factory in self._listening:
            factory.report(meter, attributes, confirmed=confirmed)

    async def start(self) -> None:
        """Listen. Twisted's CannotListenError when a port is taken: then nothing listens."""
        groups = [self._installed] if self._gateway else [(one,) for one in self._installed]
        endpoints = []
        try:
            for offset, group in enumerate(groups):
                place = self._listen(self._port + offset if self._port else 0, group)
                endpoints += [
                    Endpoint(
                        one.name,
                        place.host,
                        place.port,
                        one.address.logical,
                        one.address.physical,
                        self._medium.transport,
                        place.device,
                        place.announces,
                    )
                    for one in group
                ]
        except BaseException:
            await self.stop()
            raise
        self.endpoints = tuple(endpoints)

    async def stop(self) -> None:
        """Listen no more, end all connections, and wait until they are gone."""
        listening, self._listening = self._listening, []
        self.endpoints = ()
        for port, factory in listening:
            closed = port.stopListening()
            if closed is not None:
                await closed
            await factory.close()

    def _listen(self, port: int, group: tuple[InstalledMeter, ...]) -> Address:
        one = self._medium.connected and (self._gateway or self._personality.one_connection)
        factory = SimulatorFactory(group, self._reactor, self._written, one_connection=one)
        listening, place = self._medium.listen(self._reactor, factory, self._interface, port)
        self._listening.append((listening, factory))
        return place

    def _install(self, index: int, seed: int, random: Random) -> InstalledMeter:
        personality = self._personality
        logical, physical = personality.logical_device, personality.physical_device
        if self._gateway:
            if personality.framing == "wrapper":
                logical = index
            else:
                physical = index
            if personality.addressing == "any":
                personality = evolve(personality, addressing="any-size")
        place = Place(logical, physical, personality.port, personality.link)
        meter = VirtualMeter(seed, index, personality.equipment, place)
        security = MeterSecurity(personality.security, meter.system_title, random.randbytes)
        name = f"virtual-{index:03d}"
        objects = Objects(meter, security, self._wall, personality)
        return InstalledMeter(
            name,
            objects,
            Recorded(objects, name, self._wall, self._record) if self._record else objects,
            personality,
            ServerAddress(logical, physical, personality.address_size),
            FaultInjector(Random(random.getrandbits(64))),  # noqa: S311 - faults, not keys
        )

    def _written(self, meter: str, results: tuple[Answered, ...]) -> None:
        if self._record is not None:
            self._record(entry(self._wall(), meter, results))


class SimulationService(Service):
    """A Simulation that starts and stops with its parent, and the file of its record."""

    _log = Logger()

    def __init__(self, simulation: Simulation, record: RecordFile | None = None) -> None:
        self.simulation = simulation
        self._record = record

    def startService(self) -> Deferred[None]:
        """Listen; the Deferred fires when all meters do."""
        super().startService()
        return Deferred.fromCoroutine(self._start())

    def stopService(self) -> Deferred[None]:
        """The Deferred fires when nothing is left."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _start(self) -> None:
        if self._record is not None:
            self._record.open()
        await self.simulation.start()
        for endpoint in self.simulation.endpoints:
            self._log.info(
                "virtual meter listens at {place}, device {logical}/{physical}",
                meter=endpoint.name,
                place=endpoint.place,
                logical=endpoint.logical,
                physical=endpoint.physical,
            )

    async def _stop(self) -> None:
        await self.simulation.stop()
        if self._record is not None:
            self._record.close()
