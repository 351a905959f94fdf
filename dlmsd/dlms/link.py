"""What a data link tells its owner, and what the owner may ask of it.

HDLC and WRAPPER links have this one face. A link does no I/O and keeps no time: its owner
carries out what it returns, and calls :meth:`DataLink.timeout` when an answer is overdue.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias, TypeVar

from attrs import frozen

from dlmsd.errors import DlmsdError


@frozen
class Transmit:
    """Put these octets on the wire."""

    octets: bytes


@frozen
class LinkConnected:
    """The meter accepted the link."""


@frozen
class LinkDisconnected:
    """The link has ended as asked."""


@frozen
class LinkLost:
    """The link cannot go on; ``error`` says whose fault it is. Connect again."""

    error: DlmsdError


@frozen
class ApduReceived:
    """A whole APDU came from the meter."""

    apdu: bytes


@frozen
class MeterBusy:
    """The meter has heard and is not ready; call ``timeout`` in a moment to ask again."""


@frozen
class Ignored:
    """Something arrived that means nothing here; ``reason`` in words."""

    reason: str


LinkEvent: TypeAlias = (
    Transmit | LinkConnected | LinkDisconnected | LinkLost | ApduReceived | MeterBusy | Ignored
)

FrameT = TypeVar("FrameT", contravariant=True)


class DataLink(Protocol[FrameT]):
    """One link to one meter, seen from the client. Every call returns what follows from it.

    Calls that the state does not allow raise LocalError.
    """

    @property
    def connected(self) -> bool:
        """Whether APDUs may be sent."""

    @property
    def reliable(self) -> bool:
        """Whether it recovers each APDU that is lost, so that nobody above has to."""

    @property
    def repeating(self) -> bool:
        """Whether the next :meth:`timeout` repeats, or goes on, and gives nothing up."""

    def recognises(self, frame: FrameT) -> bool:
        """Whether a received frame belongs to this link."""

    def connect(self) -> list[LinkEvent]:
        """Set the link up, from whatever state."""

    def send(self, *apdus: bytes, once: bool = False) -> list[LinkEvent]:
        """Send one APDU, or a stream of which only the last is answered; not before the
        answer to the last ones has come. ``once``: a second copy would be a second request.
        """

    def tell(self, apdu: bytes) -> list[LinkEvent]:
        """Send an APDU that nobody answers, while it is our turn."""

    def expect(self) -> list[LinkEvent]:
        """The meter has another APDU to send before it is our turn."""

    def receive(self, frame: FrameT) -> list[LinkEvent]:
        """Take a frame that :meth:`recognises` claimed."""

    def timeout(self) -> list[LinkEvent]:
        """The answer is overdue: repeat, go on without it, or give the link up."""

    def disconnect(self) -> list[LinkEvent]:
        """End the link; the meter's answer is awaited but not needed."""

    def abort(self) -> None:
        """The connection is gone, and the link with it."""
