"""One ``[[push]]``: a TCP or UDP port, a serial server, or a serial port of this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IConnector, IListeningPort
from twisted.internet.protocol import Factory, ReconnectingClientFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.config.push import host_port
from dlmsd.config.recovery import MAX_DELAY
from dlmsd.config.values import PushOptions
from dlmsd.errors import DlmsdError
from dlmsd.meter.ends import explain
from dlmsd.meter.serial import SerialWay
from dlmsd.meter.way import Connector, TcpWay, Way
from dlmsd.model import ListenerState, ListenerStatus
from dlmsd.push.assembly import Arrived
from dlmsd.push.errors import ListenError
from dlmsd.push.wire import PushDatagrams, PushProtocol, peer

# Each may hold 128 KiB of what is unfinished, so all together stay below 128 MiB.
MAX_CONNECTIONS: Final = 1000
# A busy port changes its counts with each frame; nobody reads them faster.
_POST_SECONDS: Final = 1.0

Deliver = Callable[[Arrived, PushOptions, str, Callable[[bytes], None]], None]


class Listener:
    """Hears, and tells how it fares. ``deliver`` takes each APDU, the sender's host, and what
    answers there."""

    _log = Logger()

    def __init__(
        self,
        options: PushOptions,
        *,
        reactor: Any,
        wall: Callable[[], float],
        deliver: Deliver,
        post: Callable[[ListenerStatus], None],
    ) -> None:
        self.options = options
        self._reactor = reactor
        self._wall = wall
        self._deliver = deliver
        self._post = post
        self._open: set[PushProtocol] = set()
        self._datagrams: PushDatagrams | None = None
        self._port: IListeningPort | None = None
        self._dialling: _Dialling | None = None
        self._empty: Deferred[None] | None = None
        self._changed = False
        self._gone_bad = 0
        self._gone_noise = 0
        self._loop = LoopingCall(self._post_changed)
        self._loop.clock = reactor
        self._status = ListenerStatus(
            name=options.name,
            address=options.address,
            state=ListenerState.CONNECTING,
        )
        self._posted: ListenerStatus | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._port is not None
        host: Any = self._port.getHost()
        return int(host.port)

    async def start(self) -> None:
        """Hear; ListenError if the port cannot be had."""
        self._loop.start(_POST_SECONDS, now=False)
        if self.options.listen is None:
            self._dialling = _Dialling(self, self._way(), self._reactor)
            self._change(state=ListenerState.CONNECTING)
            self._dialling.dial()
            return
        listen = str(self.options.listen)
        try:
            if listen.startswith("udp:"):
                self._port = self._listen_udp(listen)
            else:
                endpoint = serverFromString(self._reactor, listen)
                self._port = await endpoint.listen(_Hearing(self))
        except CannotListenError as error:
            self._loop.stop()
            reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
            raise ListenError(f"[[push]] {self.options.name}: {listen}: {reason}") from error
        self._change(state=ListenerState.LISTENING)

    async def stop(self) -> None:
        """Close what is open, and wait until it is gone."""
        if self._loop.running:
            self._loop.stop()
        if self._dialling is not None:
            self._dialling.hang_up()
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        if self._open:
            self._empty = Deferred()
            for protocol in tuple(self._open):
                protocol.transport.loseConnection()
            await self._empty

    def _way(self) -> Way:
        options = self.options
        if options.device is not None:
            parity = options.parity[0].upper()
            return SerialWay(options.device, options.baudrate, None, self._reactor, parity)
        return TcpWay(*host_port(str(options.connect)), self._reactor)

    def _listen_udp(self, listen: str) -> IListeningPort:
        _, port, *rest = listen.replace("\\:", "\0").split(":")
        interface = "".join(rest).removeprefix("interface=").replace("\0", ":")
        options = self.options
        self._datagrams = PushDatagrams(options.framing, self._reactor, self._arrived)
        found: IListeningPort = self._reactor.listenUDP(
            int(port.removeprefix("port=")), self._datagrams, interface=interface
        )
        return found

    # What protocols tell.

    def protocol(self, host: str, *, patient: bool) -> PushProtocol:
        """For a new connection."""
        protocol = PushProtocol(
            self.options.framing,
            self._reactor,
            self._arrived,
            self._ended,
            host=host,
            patient=patient,
        )
        self._open.add(protocol)
        self._touch()
        return protocol

    @property
    def full(self) -> bool:
        """Whether one more connection would be too many."""
        if len(self._open) < MAX_CONNECTIONS:
            return False
        self._status = evolve(self._status, refused=self._status.refused + 1)
        self._touch()
        return True

    def connected(self) -> None:
        """The serial server or port is there."""
        self._change(state=ListenerState.CONNECTED, error="", advice="")

    def lost(self, error: DlmsdError) -> None:
        """The serial server or port is not."""
        if str(error) != self._status.error:
            self._log.warn(
                "[[push]] {listener}: {reason}", listener=self.options.name, reason=str(error)
            )
        self._change(
            state=ListenerState.DOWN,
            error=str(error),
            advice=error.advice,
            error_ts=int(self._wall() * 1000),
        )

    def unknown(self, sender: str) -> None:
        """An APDU was of no configured meter."""
        self._status = evolve(self._status, unknown=self._status.unknown + 1, sender=sender)
        self._touch()

    def _arrived(self, one: Arrived, host: str, reply: Callable[[bytes], None]) -> None:
        self._status = evolve(self._status, messages=self._status.messages + 1)
        self._touch()
        if self._dialling is not None:
            self._dialling.succeeded()
        self._deliver(one, self.options, host, reply)

    def _ended(self, protocol: PushProtocol, reason: Failure) -> None:
        self._open.discard(protocol)
        self._gone_bad += protocol.stream.bad
        self._gone_noise += protocol.stream.noise
        self._touch()
        if self._empty is not None and not self._open:
            self._empty.callback(None)

    # Status.

    def _touch(self) -> None:
        self._changed = True

    def _post_changed(self) -> None:
        if self._changed or self._open or self._datagrams is not None:
            self._change()

    def _change(self, **changes: Any) -> None:
        self._changed = False
        bad, noise = self._gone_bad, self._gone_noise
        for each in self._open:
            bad, noise = bad + each.stream.bad, noise + each.stream.noise
        if self._datagrams is not None:
            bad, noise = bad + self._datagrams.bad, noise + self._datagrams.noise
        self._status = evolve(
            self._status, connections=len(self._open), bad=bad, noise_bytes=noise, **changes
        )
        if self._status != self._posted:
            self._posted = self._status
            self._post(self._status)


class _Hearing(Factory):
    """Meters, and serial servers, that connect to us."""

    noisy = False

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def buildProtocol(self, addr: IAddress | None) -> PushProtocol | None:
        # None closes the connection at once.
        return None if self._listener.full else self._listener.protocol(peer(addr), patient=False)


class _Dialling(ReconnectingClientFactory):
    """One serial server, or serial port, that we connect to again and again."""

    maxDelay = int(MAX_DELAY)
    noisy = False

    def __init__(self, listener: Listener, way: Way, reactor: Any) -> None:
        self._reactor = reactor
        self._listener = listener
        self._way = way
        self._connector: Connector | None = None

    def dial(self) -> None:
        """Begin an attempt."""
        self._callID = None
        self._connector = self._way.connect(self)

    def buildProtocol(self, addr: IAddress | None) -> PushProtocol:
        self._listener.connected()
        return self._listener.protocol("", patient=True)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._again(reason)

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:
        self._again(reason)

    def _again(self, reason: Failure) -> None:
        if self.continueTrying:
            self.delay = min(self.delay * self.factor, self.maxDelay)
            self._callID = self._reactor.callLater(self.delay, self.dial)
            # Last, for whoever hears of it may stop us.
            self._listener.lost(explain(reason))

    def succeeded(self) -> None:
        """Something was heard: the next attempt need not wait long."""
        # Twisted's resetDelay also takes stopTrying back.
        if self.continueTrying:
            self.resetDelay()

    def hang_up(self) -> None:
        """Connect no more; an attempt under way ends."""
        self.stopTrying()
        if self._connector is not None:
            self._connector.disconnect()
