"""Looking for meters in a network: politely, and without any password.

One connection to a host at a time, few hosts at once, a rate for all of them, and a pause
after each connection. An open port is asked, as public client first, for a link (SNRM) or
at once for an association (AARQ); what answers that, with whatever it is, is a meter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, TypeAlias

from attrs import field, frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from dlmsd.config.values import AddressSize, Framing, Measurement, MeterOptions
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DlmsdError
from dlmsd.fleet.admission import Admission
from dlmsd.meter.build import PUBLIC_CLIENT
from dlmsd.meter.scaling import Scale
from dlmsd.meter.session import Session
from dlmsd.meter.visit import Visit
from dlmsd.meter.way import TcpWay

Network: TypeAlias = IPv4Network | IPv6Network
Progress: TypeAlias = Callable[[int, int], None]
"""Hosts done, and hosts in all."""

PORTS: Final = (3333, 4059, 4061, 4060)
# A /20: at the usual rate some ten minutes if nobody answers.
MOST_HOSTS: Final = 4096
# Those of one's own: RFC 1918, 6598, 3927, 4193, 4291, and this machine.
_PRIVATE: Final = tuple(
    ip_network(one)
    for one in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"),
    )
)
_WRAPPED: Final = frozenset({4059, 4061})
# Management logical device by default, then what other makers' meters are sent with.
_SERVERS: Final[tuple[tuple[int, int, AddressSize], ...]] = (
    *((0, 1, 1), (1, 17, 2), (1, 16, 2), (1, 1, 2), (0, 1, 4)),
)
# A reader that many meters know. It is asked for no proof, so that nothing can lock.
_CLIENTS: Final = (PUBLIC_CLIENT, 1)
_NAME: Final = AttributeDescriptor(1, Obis.parse("0-0:42.0.0"), 2)
_SERIAL: Final = AttributeDescriptor(1, Obis.parse("0-0:96.1.0"), 2)


class ScanError(DlmsdError):
    """Scan what is yours: a private network such as 192.168.1.0/24, and not too much at once."""

    culprit = "operator"


@frozen
class Manners:
    """How a scan behaves: ``rate`` connections a second on ``parallel`` hosts.

    The other ones are seconds: for a connection, for an answer, and after a connection.
    """

    parallel: int = 8
    rate: float = 20.0
    connect: float = 3.0
    answer: float = 2.0
    pause: float = 1.0


@frozen
class Candidate:
    """How a meter might be spoken to."""

    framing: Framing
    client: int
    logical: int
    physical: int = 0
    address_size: AddressSize = "auto"


@frozen
class Finding:
    """Something that answered. ``evidence`` says what; name and serial where it told them."""

    host: str
    port: int
    candidate: Candidate
    evidence: str
    name: str = ""
    serial: str = ""


def network(text: str, *, large: bool = False, anywhere: bool = False) -> Network:
    """The network of a CIDR; ScanError says why it may not be scanned."""
    try:
        found = ip_network(text, strict=False)
    except ValueError as error:
        raise ScanError(f"{text} is no network: {error}") from None
    private = any(
        found.version == one.version and found.subnet_of(one)  # type: ignore[arg-type]
        for one in _PRIVATE
    )
    if not private and not anywhere:
        raise ScanError(f"{found} is not private; --anywhere scans it all the same")
    if found.num_addresses > MOST_HOSTS and not large:
        raise ScanError(
            f"{found} has {found.num_addresses} addresses, more than {MOST_HOSTS}; "
            "--large scans it all the same"
        )
    return found


def candidates(port: int) -> Iterator[Candidate]:
    """What is tried on a port, the likeliest first."""
    wrapped = [Candidate("wrapper", PUBLIC_CLIENT, 1)]
    hdlc = [Candidate("hdlc", client, *server) for client in _CLIENTS for server in _SERVERS]
    yield from (*wrapped, *hdlc) if port in _WRAPPED else (*hdlc, *wrapped)


@frozen
class Scan:
    """``found`` grows while :meth:`run` runs; one finding for each port that answered."""

    network: Network
    ports: Sequence[int]
    reactor: Any
    manners: Manners = Manners()
    found: list[Finding] = field(factory=list, init=False)

    async def run(self, progress: Progress = lambda done, total: None) -> None:
        """Look at every host; cancel to leave what is open politely."""
        admission = Admission(self.reactor, self.manners.rate)
        hosts = iter(self.network.hosts())
        total = _hosts(self.network)
        done = 0
        progress(done, total)

        async def work() -> None:
            nonlocal done
            for host in hosts:
                for port in self.ports:
                    await self._port(str(host), port, admission)
                done += 1
                progress(done, total)

        workers = [Deferred.fromCoroutine(work()) for _ in range(self.manners.parallel)]
        try:
            # All of them, so that none is left in the middle when another fails.
            for _, result in await DeferredList(workers, consumeErrors=True):
                if isinstance(result, Failure):
                    result.raiseException()
        finally:
            admission.stop()

    async def _port(self, host: str, port: int, admission: Admission) -> None:
        for candidate in candidates(port):
            leave = await admission.enter()
            tried = _Try(host, port, candidate, self.manners, self.reactor)
            try:
                finding = await tried.run()
            finally:
                leave()
            if finding is not None:
                self.found.append(finding)
            if not tried.open:
                return
            await deferLater(self.reactor, self.manners.pause, lambda: None)
            if finding is not None:
                return


def _hosts(network: Network) -> int:
    """How many ``network.hosts()`` gives: not the network's own address, nor broadcast."""
    size, version = network.num_addresses, network.version
    return size if size <= 2 else size - (2 if version == 4 else 1)


class _Try:
    """One connection. ``open`` tells whether somebody listens there."""

    def __init__(
        self, host: str, port: int, candidate: Candidate, manners: Manners, reactor: Any
    ) -> None:
        self.open = False
        self._heard = False
        self._candidate = candidate
        self._reactor = reactor
        self._way = TcpWay(host, port, reactor, manners.connect)
        self._meter = MeterOptions(
            name=host,
            host=host,
            profile="",
            device_name=host,
            read=(),
            port=port,
            framing=candidate.framing,
            client=candidate.client,
            logical_device=candidate.logical,
            physical_device=candidate.physical,
            address_size=candidate.address_size,
            authentication="none",
            timeout=manners.answer,
        )

    async def run(self) -> Finding | None:
        """What answered, None for nobody."""
        name = serial = ""
        try:
            async with Visit(self._meter, self._reactor, self._watch, way=self._way) as session:
                evidence = "an association"
                with suppress(DlmsdError):
                    name = await _text(session, _NAME)
                    serial = await _text(session, _SERIAL)
        except DlmsdError as error:
            evidence = str(error)
        if not self._heard:
            return None
        host, port = self._meter.host, self._meter.port
        return Finding(host, port, self._candidate, evidence, name, serial)

    def _watch(self, direction: str, octets: bytes) -> None:
        """Frames of this meter alone come by here."""
        self.open = True
        self._heard = self._heard or direction == "received"


async def _text(session: Session, attribute: AttributeDescriptor) -> str:
    """What an object says of the meter; nothing where it may not be read."""
    (result,) = await session.get_many([attribute])
    if not isinstance(result, Data):
        return ""
    measurement = Measurement("text", attribute, "text")
    value = Scale(measurement, None).value(result)
    return "" if value is None else str(value)
