"""The WRAPPER of DLMS over TCP and UDP (IEC 62056-47): eight octets before each APDU.

Version, source wPort, destination wPort, length, two octets each. A wPort is the client
or the logical device. There is no link to set up. TCP keeps order and repeats what is
lost; over UDP the link itself repeats a request, once, if a copy of it does no harm.
"""

from __future__ import annotations

import struct
from collections.abc import Container
from typing import Final

from attrs import frozen

from dlmsd.dlms.link import (
    ApduReceived,
    Ignored,
    LinkConnected,
    LinkDisconnected,
    LinkEvent,
    LinkLost,
    Transmit,
)
from dlmsd.errors import LocalError, SilenceError

VERSION: Final = 1
_HEADER: Final = struct.Struct(">HHHH")
_START: Final = b"\x00\x01"
_MAX_APDU: Final = 0xFFFF


@frozen
class WrapperFrame:
    """One wrapped APDU; ports are wPorts."""

    source: int
    destination: int
    apdu: bytes

    def encode(self) -> bytes:
        """Header and APDU; LocalError for more than 65,535 octets."""
        if len(self.apdu) > _MAX_APDU:
            raise LocalError(f"an APDU of {len(self.apdu)} octets does not fit the wrapper")
        return _HEADER.pack(VERSION, self.source, self.destination, len(self.apdu)) + self.apdu


class WrapperReassembly:
    """From a stream to wrapped APDUs, with the face of the HDLC reassembly.

    A header is believed when its wPorts are expected ones, ``(source, destination)``, so
    that octets left over from another conversation cannot announce 64 KiB. It keeps at
    most one unfinished APDU (65,543 octets). ``noise`` counts octets that belonged to no
    APDU, ``idle`` those of them since the last one: an APDU that is still coming may be
    long, and is not noise.
    """

    def __init__(self, ports: Container[tuple[int, int]]) -> None:
        self._ports = ports
        self._buffer = bytearray()
        self._wanted = 0
        self.noise = 0
        self.idle = 0

    def feed(self, octets: bytes) -> list[WrapperFrame]:
        """Take more of the stream; returns what became complete, in order."""
        self._buffer += octets
        if len(self._buffer) < self._wanted:
            return []
        return self._search(more=True)

    def abandon(self) -> list[WrapperFrame]:
        """Give up the unfinished APDU and search what came behind its first octet."""
        return self._search(more=False)

    def _search(self, *, more: bool) -> list[WrapperFrame]:
        """All there is to find; unless ``more`` is to come, what is unfinished is noise."""
        found: list[WrapperFrame] = []
        buffer = bytes(self._buffer)
        size = len(buffer)
        start = 0
        self._wanted = 0
        while (place := self._begin(buffer, start)) < size:
            self._skip(place - start)
            start = place
            end = start + _HEADER.size
            if end <= size:
                _, source, destination, length = _HEADER.unpack_from(buffer, start)
                if (source, destination) not in self._ports:
                    self._skip(1)
                    start += 1
                    continue
                apdu, end = end, end + length
                if end <= size:
                    found.append(WrapperFrame(source, destination, buffer[apdu:end]))
                    self.idle = 0
                    start = end
                    continue
            if more:
                self._wanted = end - start
                break
            self._skip(1)
            start += 1
        else:
            self._skip(size - start)
            start = size
        del self._buffer[:start]
        return found

    def _begin(self, buffer: bytes, start: int) -> int:
        """Where the next header may begin: with its version, cut short by the end or not."""
        place = buffer.find(_START, start)
        if place >= 0:
            return place
        return len(buffer) - buffer.endswith(_START[:1], start)

    def _skip(self, count: int) -> None:
        self.noise += count
        self.idle += count


class WrapperLink:
    """A DataLink over wrapped APDUs.

    With ``repeats`` an unanswered request is sent once more, the same octets: a ciphered
    one keeps its counter, so that a meter which has answered it drops the copy. What would be
    done twice is not. A second answer, to the copy or doubled on its way, is known by its
    octets.
    """

    reliable = False

    def __init__(self, client: int, logical_device: int, *, repeats: bool = False) -> None:
        self._client = client
        self._server = logical_device
        self._repeats = repeats
        self._reset()

    def _reset(self) -> None:
        self.connected = False
        self._request: list[Transmit] = []
        self._answer = b""
        self._repeated = False
        self._once = False

    @property
    def repeating(self) -> bool:
        """Whether the next silence is only answered by a repetition."""
        return self._repeats and not (self._repeated or self._once)

    def recognises(self, frame: WrapperFrame) -> bool:
        """To our client, from our logical device."""
        return frame.destination == self._client and frame.source == self._server

    def connect(self) -> list[LinkEvent]:
        """Nothing to agree upon."""
        self._reset()
        self.connected = True
        return [LinkConnected()]

    def disconnect(self) -> list[LinkEvent]:
        """Nothing to say."""
        self._reset()
        return [LinkDisconnected()]

    def send(self, *apdus: bytes, once: bool = False) -> list[LinkEvent]:
        """Wrap each APDU; what is to come ``once`` is not repeated."""
        if not self.connected:
            raise LocalError("no APDU may be sent before the link is connected")
        frames = [WrapperFrame(self._client, self._server, apdu).encode() for apdu in apdus]
        self._request = [Transmit(frame) for frame in frames]
        self._repeated = False
        self._once = once
        return [*self._request]

    def tell(self, apdu: bytes) -> list[LinkEvent]:
        """Wrapped as any other; it is never repeated."""
        if not self.connected:
            return []
        return [Transmit(WrapperFrame(self._client, self._server, apdu).encode())]

    def expect(self) -> list[LinkEvent]:
        """Either end may send at any time: nothing to ask for."""
        return []

    def receive(self, frame: WrapperFrame) -> list[LinkEvent]:
        """Unwrap one APDU."""
        if not self.connected or not frame.apdu:
            return [Ignored("wrapped APDU that is empty or answers nothing")]
        if self._repeats and frame.apdu == self._answer:
            # Once: two requests may be answered in the same words.
            self._answer = b""
            return [Ignored("the last answer once more")]
        self._answer = frame.apdu
        return [ApduReceived(frame.apdu)]

    def abort(self) -> None:
        """The connection is gone."""
        self._reset()

    def timeout(self) -> list[LinkEvent]:
        """Repeat, or know the meter silent: TCP has repeated whatever it could."""
        if self.repeating:
            self._repeated = True
            return [*self._request]
        if self._once:
            error = SilenceError("no answer to the request, which may have been carried out")
        elif self._repeated:
            error = SilenceError("no answer to the request, nor to its repetition")
        else:
            error = SilenceError("no answer to the request")
        self._reset()
        return [LinkLost(error)]
