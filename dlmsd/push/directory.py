"""Whose push it is: what a meter is known by, and who of several it fits best.

What a meter's options name must hold, as far as it can be seen: the listener, the sender's
address, the system title of a ciphered APDU, a text in the push, and where the listener goes
by address the client and devices in the frame. At least one must be seen. Of several meters
the one with the most is meant; if two have as many, nobody is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from attrs import field, frozen

from dlmsd.config.values import MeterOptions, PushOptions
from dlmsd.dlms.xdlms.ciphered import GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS, decode_protected
from dlmsd.meter.payload import Push
from dlmsd.push.framing import Route
from dlmsd.push.meter import PushedMeter


@frozen
class Letter:
    """An APDU and all that is seen of its sender. ``host`` is empty where we connected.

    ``title`` is empty if none is told, ``push`` None until it is open.
    """

    apdu: bytes = field(repr=False)
    listener: PushOptions
    route: Route
    host: str
    title: bytes = b""
    push: Push | None = field(default=None, repr=False)

    @property
    def protected(self) -> bool:
        """Whether it is ciphered or signed."""
        return self.apdu[:1] != b"" and self.apdu[0] in PROTECTED_TAGS

    @property
    def sender(self) -> str:
        """Who sent it, as far as a stranger can be described."""
        told = [self.host, str(self.route)]
        if self.title:
            told.append(f"system title {self.title.hex().upper()}")
        if self.push is not None and self.push.identities:
            # The serial number is one of them, and the operator knows which.
            texts = sorted(self.push.identities)[:4]
            told.append("texts " + ", ".join(repr(one[:32]) for one in texts))
        return ", ".join(one for one in told if one)


def told_title(apdu: bytes) -> bytes:
    """The system title that a protected APDU names, empty for none; DecodeError."""
    match decode_protected(apdu):
        case GeneralCiphered(title=title):
            return title
        case GeneralCiphering(transaction=transaction) | GeneralSigning(transaction=transaction):
            return transaction.originator
    return b""


class Directory:
    """All meters that push."""

    def __init__(self, meters: Sequence[PushedMeter]) -> None:
        self._meters = meters

    def find(self, letter: Letter) -> PushedMeter | None:
        """Whose it is; None if nobody's, or if that cannot be decided."""
        best: PushedMeter | None = None
        most = 0
        for meter in self._meters:
            fits = signs(meter.options, letter)
            if fits and fits >= most:
                best = meter if fits > most else None
                most = fits
        return best


def signs(meter: MeterOptions, letter: Letter) -> int:
    """How many of a meter's signs are seen; 0 as soon as one is another's."""
    seen = list(_signs(meter, letter))
    return 0 if False in seen else seen.count(True)


def _signs(meter: MeterOptions, letter: Letter) -> Iterator[bool]:
    if meter.push is not None:
        yield meter.push == letter.listener.name
    if meter.host and letter.host:
        yield ip_address(meter.host) == _address(letter.host)
    if letter.title:
        yield meter.meter_system_title == letter.title
    if meter.serial_number is not None and letter.push is not None:
        if meter.serial_number in letter.push.texts:
            yield True
        elif letter.push.identities:
            yield False
    if letter.listener.by_address:
        yield letter.route.leads_from(meter)


def _address(host: str) -> object:
    """Of a dual socket an IPv4 peer comes as ::ffff:a.b.c.d."""
    address = ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
