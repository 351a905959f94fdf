"""Over what virtual meters are reached."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from twisted.protocols.tls import TLSMemoryBIOFactory

from dlmsd.config.values import Transport
from dlmsd.errors import LocalError
from dlmsd.simulator.calling import Calling
from dlmsd.simulator.datagram import Datagrams
from dlmsd.simulator.personality import Personality
from dlmsd.simulator.protocol import SimulatorFactory
from dlmsd.simulator.serial import OpticalHead, SerialLine

_MAX_DATAGRAM: Final = 0xFFFF


@frozen
class Address:
    """Where meters can be read: host and port, or a serial device.

    For meters that call, whom they call, and what they announce there.
    """

    host: str = ""
    port: int = 0
    device: str = ""
    announces: str = ""


@frozen
class Medium:
    """TCP, unless ``transport`` says otherwise.

    ``tls`` are the contexts of a server that speaks TLS over TCP, as gateways do.
    ``optical``: the serial line is an optical head, to be opened by mode E. With transport
    "dial-in" the meters call ``calls``, host and port, and say their first one's name.
    """

    transport: Transport = "tcp"
    tls: Any = None
    optical: bool = False
    calls: tuple[str, int] = ("", 0)

    def check(self, personality: Personality) -> None:
        """LocalError for a framing that does not go over it."""
        if self.transport == "udp" and personality.framing != "wrapper":
            raise LocalError("UDP needs WRAPPER: HDLC is not sent in datagrams")
        if self.transport == "serial" and personality.framing != "hdlc":
            raise LocalError("a serial line needs HDLC")

    @property
    def connected(self) -> bool:
        """Whether there are connections, which could be limited to one."""
        return self.transport == "tcp"

    def listen(
        self, reactor: Any, factory: SimulatorFactory, interface: str, port: int
    ) -> tuple[Any, Address]:
        """What listens, with ``stopListening``, and where; port 0 is any free one."""
        if self.transport == "serial":
            line = (OpticalHead if self.optical else SerialLine)(factory, reactor)
            return line, Address(device=line.path)
        if self.transport == "dial-in":
            calling = Calling(factory, f"{factory.name}\r\n".encode(), reactor)
            calling.call(*self.calls)
            return calling, Address(*self.calls, announces=factory.name)
        if self.transport == "udp":
            listening = reactor.listenUDP(
                port, Datagrams(factory), interface=interface, maxPacketSize=_MAX_DATAGRAM
            )
        else:
            served: Any = factory
            if self.tls is not None:
                served = TLSMemoryBIOFactory(self.tls, False, factory, reactor)
            listening = reactor.listenTCP(port, served, interface=interface)
        return listening, Address(interface, listening.getHost().port)
