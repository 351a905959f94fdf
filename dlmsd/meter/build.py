"""From a meter's options to the machines that converse with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.association import Witness
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.link import DataLink
from dlmsd.dlms.quirks import WRONG_FCS
from dlmsd.dlms.wrapper import WrapperLink, WrapperReassembly
from dlmsd.errors import LocalError
from dlmsd.meter.conversation import Trace
from dlmsd.meter.datagram import UdpWay
from dlmsd.meter.dialin import Reception
from dlmsd.meter.news import NewsLog
from dlmsd.meter.protocol import Reassembly
from dlmsd.meter.security import MeterSecurity, make_association
from dlmsd.meter.serial import SerialWay
from dlmsd.meter.session import Session
from dlmsd.meter.tls import TlsWay
from dlmsd.meter.way import TcpWay, Way
from dlmsd.tls import client_contexts

# Whom a meter tells a few things without security (DLMS UA 1000-2, clause 9.3).
PUBLIC_CLIENT: Final = 16


def make_session(
    meter: MeterOptions,
    turn: DeferredLock,
    clock: IReactorTime,
    trace: Trace | None,
    security: MeterSecurity | None,
    witness: Witness | None = None,
    names: ShortNames | None = None,
) -> Session:
    """A session that takes its turns on one connection.

    ``trace`` sees each frame, ``witness`` each APDU; ``names`` are the short names that are
    known already.
    """
    names = ShortNames() if names is None else names
    return Session(
        _link(meter),
        make_association(meter, names),
        names=names,
        timeout=meter.timeout,
        turn=turn,
        clock=clock,
        trace=trace,
        witness=witness,
        security=security,
        public=_link(evolve(meter, client=PUBLIC_CLIENT)),
        client=meter.client,
        writing=meter.writing,
        told=NewsLog(meter.name).heard,
        frame_delay=meter.frame_delay,
        least_timeout=meter.recovery.least_timeout,
    )


def make_way(meter: MeterOptions, reactor: Any, reception: Reception | None = None) -> Way:
    """How to reach ``meter``, and all that share its line.

    Raises ConfigurationError for a file of TLS that cannot be used.
    """
    if meter.transport == "dial-in":
        if reception is None:
            raise LocalError("there is no port where meters could call in")
        return reception.way(meter)
    if meter.transport == "serial":
        opening = None if meter.opening == "none" else meter.opening_address
        return SerialWay(meter.device or "", meter.baudrate, opening, reactor)
    if meter.transport == "udp":
        return UdpWay(meter.host, meter.port, reactor)
    tcp = TcpWay(meter.host, meter.port, reactor)
    if not meter.tls:
        return tcp
    contexts = client_contexts(
        meter.server_name or meter.host,
        where=f"meters.{meter.name}",
        ca_file=meter.ca_file,
        cert_file=meter.cert_file,
        key_file=meter.key_file,
    )
    return TlsWay(tcp, contexts)


def make_reassembly(meters: Sequence[MeterOptions]) -> Reassembly:
    """For one connection to all of ``meters``, which have one framing."""
    if meters[0].framing == "hdlc":
        return FrameReassembly(trusting=any(WRONG_FCS in meter.quirks for meter in meters))
    ports = {
        (meter.logical_device, client)
        for meter in meters
        for client in (meter.client, PUBLIC_CLIENT)
    }
    return WrapperReassembly(frozenset(ports))


def _link(meter: MeterOptions) -> DataLink[Any]:
    if meter.framing == "wrapper":
        repeats = meter.transport == "udp"
        return WrapperLink(meter.client, meter.logical_device, repeats=repeats)
    server = ServerAddress(meter.logical_device, meter.physical_device, meter.address_size)
    return HdlcLink(
        meter.client,
        server,
        LinkParameters(meter.max_info, meter.max_info, meter.window, meter.window),
        meter.quirks,
    )
