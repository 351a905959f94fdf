"""The meter's end of WRAPPER (IEC 62056-47), with the face of the HDLC link's."""

from __future__ import annotations

from dlmsd.dlms.link import ApduReceived, Ignored, LinkConnected, LinkEvent, Transmit
from dlmsd.dlms.wrapper import WrapperFrame


class WrapperServerLink:
    """Nothing is set up and nothing repeated."""

    def __init__(self) -> None:
        self.client = 0
        self._server = 0

    @property
    def answered(self) -> bool:
        """An answer is sent at once."""
        return True

    def abort(self) -> None:
        """There is no link that could be lost."""

    def receive(self, frame: WrapperFrame) -> list[LinkEvent]:
        """Take one wrapped APDU; another client's begins a link of its own."""
        if not frame.apdu:
            return [Ignored("a wrapped APDU that is empty")]
        events: list[LinkEvent] = []
        if frame.source != self.client:
            events.append(LinkConnected())
        self.client, self._server = frame.source, frame.destination
        events.append(ApduReceived(frame.apdu))
        return events

    def send(self, *apdus: bytes) -> list[LinkEvent]:
        """Answer it by these APDUs."""
        return [Transmit(WrapperFrame(self._server, self.client, one).encode()) for one in apdus]

    def notify(self, apdu: bytes) -> list[LinkEvent]:
        """Tell the client something unasked."""
        return self.send(apdu)
