"""Personalities: how the meters of one model behave on the wire, as data."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from attrs import field, frozen

from dlmsd.config.values import AddressSize, Framing
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.secret import Secret

Addressing: TypeAlias = Literal["exact", "any-size", "any"]

_SERVICES: Final = (
    Conformance.GET
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.PRIORITY_MGMT_SUPPORTED
)


@frozen
class Client:
    """Who may associate; without ``password`` it is asked for none, and may give none."""

    number: int
    password: Secret | None = None


_READER: Final = Client(1, Secret("22222222"))
_PUBLIC: Final = Client(16)


@frozen
class Personality:
    """One model of meter.

    ``addressing``: whether a frame must bear the meter's address octet by octet
    (``exact``), may bear it in another size, or may bear any address at all. With
    ``lists`` false a with-list request is refused, whatever ``conformance`` claims.
    ``max_pdu`` is server-max-receive-pdu-size, ``max_response`` what one response may
    have at most; both in octets, the latter 0 for no limit of the meter's own.
    ``response_delay`` and ``idle_timeout`` are seconds, 0 for none.
    """

    name: str
    framing: Framing = "hdlc"
    port: int = 3333
    logical_device: int = 0
    physical_device: int = 1
    address_size: AddressSize = "auto"
    addressing: Addressing = "any-size"
    clients: tuple[Client, ...] = (_READER, _PUBLIC)
    link: LinkParameters = field(factory=LinkParameters)
    tells_parameters: bool = True
    conformance: Conformance = _SERVICES
    lists: bool = True
    max_pdu: int = 0x0400
    max_response: int = 0
    response_delay: float = 0.0
    idle_timeout: float = 0.0
    one_connection: bool = False


MICROSTAR: Final = Personality(
    "microstar",
    addressing="exact",
    address_size=1,
    clients=(_READER,),
    max_pdu=0x1900,
    response_delay=0.03,
    idle_timeout=180.0,
    one_connection=True,
)
PLAIN: Final = Personality(
    "plain",
    logical_device=1,
    physical_device=17,
    address_size=2,
    addressing="any",
    tells_parameters=False,
)
WRAPPER: Final = Personality(
    "wrapper", framing="wrapper", port=4059, logical_device=1, physical_device=0
)
NO_LISTS: Final = Personality("no-lists", lists=False)
SMALL: Final = Personality("small", link=LinkParameters(32, 32, 1, 1), max_pdu=96, max_response=16)
WINDOW: Final = Personality("window", link=LinkParameters(32, 128, 7, 7))

PERSONALITIES: Final = {
    personality.name: personality
    for personality in (MICROSTAR, PLAIN, WRAPPER, NO_LISTS, SMALL, WINDOW)
}
