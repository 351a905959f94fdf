"""Links and block transfers under test: an input is a script of what the meter does to one of them.

Its first octets choose the state that the machine is brought to; each step after that is
an octet that says what happens, and what comes with it. So one change of an octet changes
one event, and whatever order of frames a meter can send, some input sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from attrs import evolve

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink, State
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.link import LinkEvent, Transmit
from dlmsd.dlms.transfer import UnaskedTransfer
from dlmsd.dlms.wrapper import WrapperFrame, WrapperLink
from dlmsd.dlms.xdlms.block import BlockReceiver, BlockSender, GeneralBlockTransfer
from dlmsd.errors import LocalError

# A script is as long as an exchange may be; the limits of one input are those of its steps.
_MOST_STEPS: Final = 96
_LLC: Final = b"\xe6\xe7\x00"
_UA, _DM, _FRMR = 0x73, 0x1F, 0x97
_CLIENT, _SERVER = b"\x21", b"\x03"
_OFFERS: Final = (
    None,
    None,
    LinkParameters(128, 128, 7, 7),
    LinkParameters(2030, 2030, 1, 3),
)
# Most of what a meter can do wrong it can do to a link that is connected.
_STATES: Final = (*State, State.CONNECTED, State.CONNECTED, State.CONNECTED)
_GREETINGS: Final = (b"", bytes.fromhex("818014050207EE060207EE070400000007080400000007"))


def steps(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Octet by octet what happens, and what comes with it: its length and that many octets."""
    place = 2
    for _ in range(_MOST_STEPS):
        if place + 1 >= len(octets):
            return
        size = octets[place + 1]
        yield octets[place], octets[place + 2 : place + 2 + size]
        place += 2 + size


# HDLC link.


class _Meter:
    """Sends frames with the numbers that the link expects, or with any."""

    def __init__(self, link: HdlcLink, window: bytes) -> None:
        self._link = link
        self._stream = FrameReassembly()
        self._sent = 0
        self._received = 0
        self.take(link.connect())
        self.receive(_UA)
        self.receive(_UA, window)

    def take(self, events: list[LinkEvent]) -> None:
        """What the link transmits; numbers start anew with SNRM."""
        for event in events:
            if not isinstance(event, Transmit):
                continue
            for frame in self._stream.feed(event.octets):
                assert isinstance(frame, Frame), "the link sent what is no frame"
                if not frame.control & 1:
                    self._received = (frame.control >> 1 & 7) + 1 & 7
                elif frame.control & 0xEF == 0x83:
                    self._sent = self._received = 0

    def receive(self, control: int, information: bytes = b"", segmented: bool = False) -> None:
        """The link gets one frame."""
        self.take(self._link.receive(Frame(_CLIENT, _SERVER, control, information, segmented)))

    def answer(self, information: bytes, *, final: bool, segmented: bool) -> None:
        """An I frame with the right numbers."""
        control = self._received << 5 | final << 4 | self._sent << 1
        self._sent = self._sent + 1 & 7
        self.receive(control, information, segmented)

    def step(self, what: int, octets: bytes) -> None:
        """What happens next; eight kinds, and three bits to vary them."""
        link = self._link
        more, other, third = bool(what & 8), bool(what & 16), bool(what & 32)
        match what & 7:
            case 0:
                self.answer(octets if other else _LLC + octets, final=not third, segmented=more)
            case 1:
                self.answer(octets * 16, final=more, segmented=True)
            case 2:
                self.receive(octets[0] if octets else what, octets[1:], more)
            case 3:
                kind = 0x05 if more else 0x01
                self.receive(self._received << 5 | (not third) << 4 | kind)
            case 4:
                self.receive((_UA, _DM, _FRMR, _UA)[what >> 3 & 3], octets)
            case 5:
                self.take(link.timeout())
            case 6:
                with suppress(LocalError):
                    self.take(link.send(octets * (64 if more else 1)))
            case _:
                self.take(link.disconnect() if more else link.connect())
                if other:
                    link.abort()
                elif third:
                    with suppress(LocalError):
                        self.take(link.expect())


def link(octets: bytes) -> None:
    """An HDLC link in each of its states, and what a meter may do to it there."""
    head = octets[:2].ljust(2, b"\x00")
    machine = HdlcLink(16, ServerAddress(0, 1), _OFFERS[head[0] >> 3 & 3])
    meter = _Meter(machine, _GREETINGS[head[1] & 1])
    match _STATES[head[0] & 7]:
        case State.IDLE:
            machine.abort()
        case State.CLEARING:
            meter.take(machine.connect())
        case State.CONNECTING:
            meter.take(machine.connect())
            meter.take(machine.timeout())
        case State.DISCONNECTING:
            meter.take(machine.disconnect())
        case _ if head[1] & 2:
            meter.take(machine.send(b"\xc0\x01"))
    for what, rest in steps(octets):
        meter.step(what, rest)


def wrapped(octets: bytes) -> None:
    """A link over WRAPPER; it has nothing that an APDU could upset."""
    machine = WrapperLink(16, 1, repeats=octets[:1] > b"\x7f")
    for what, rest in steps(octets):
        match what >> 4:
            case 0:
                machine.connect()
            case 1:
                machine.timeout()
            case 2 if machine.connected:
                machine.send(rest)
        frame = WrapperFrame(what & 3, 16, rest)
        machine.recognises(frame)
        machine.receive(frame)


LINK_SCRIPTS: Final = tuple(
    bytes((state, kind)) + script
    for state in range(8)
    for kind in range(4)
    for script in (
        b"\x00\x02\xc4\x01",
        b"\x06\x03abc\x03\x00\x00\x05aaaaa",
        b"\x08\x04aaaa\x28\x04bbbb\x10\x04cccc\x05\x00\x05\x00",
        b"\x0e\x20" + b"d" * 32 + b"\x03\x00\x03\x00\x00\x01e\x05\x00\x03\x00",
        b"\x04\x00\x02\x02\x10f\x0c\x01g\x14\x00\x0f\x00\x07\x00",
    )
)


# General block transfer.

BLOCK_SCRIPTS: Final = tuple(
    bytes((window, 0)) + script
    for window in (0, 1, 3, 63, 65)
    for script in (
        b"\x41\x03abc\x41\x03def\x81\x02gh",
        b"\x63\x03abc\x42\x01d\x81\x02gh\xff\x00\x81\x01a",
        b"\x01\x00\x01\x00\x51\x04\x00\x02\x00\x01\x91\x05\x00\x03\x00\x01z\x49\x20" + b"e" * 32,
    )
)


def _block(what: int, octets: bytes, number: int, acknowledged: int) -> GeneralBlockTransfer:
    """A block with the numbers that are due, or with others."""
    if what & 0x20:
        number += what & 7
    if what & 0x10 and len(octets) > 3:
        number, acknowledged = int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:4], "big")
    data = octets * (200 if what & 0x08 else 1)
    return GeneralBlockTransfer(
        bool(what & 0x80), bool(what & 0x40), what & 0x3F, number & 0xFFFF, acknowledged, data
    )


def block_receiver(octets: bytes) -> None:
    """A receiver of blocks, confirmed or not, and any blocks."""
    head = octets[:2].ljust(2, b"\x00")
    machine = BlockReceiver(head[0] & 63, received=head[1] & 3, more_to_send=bool(head[0] & 64))
    for what, rest in steps(octets):
        if what == 0xFF:
            machine.timeout()
        machine.receive(_block(what, rest, machine.received + 1, machine.sent))


def block_news(octets: bytes) -> None:
    """What comes in blocks unasked, and any blocks; the first of a run is of news."""
    machine, number = UnaskedTransfer(octets[0] & 63 if octets else 0), 1
    for what, rest in steps(octets):
        block = _block(what, rest, number, 0)
        if block.block_number == 1 and not what & 0x10:
            block = evolve(block, data=b"\x0f" + rest)
        machine.goes_on(block)
        whole, _ = machine.receive(block)
        number = 1 if whole else block.block_number + 1


def block_sender(octets: bytes) -> None:
    """A sender of blocks, confirmed or not, and any acknowledgements."""
    head = octets[:2].ljust(2, b"\x00")
    machine = BlockSender(octets, max(1 + head[1] % 64, len(octets) >> 10), head[0] & 63)
    machine.start()
    for what, rest in steps(octets):
        if what == 0xFF:
            machine.timeout()
        machine.receive(_block(what, rest, machine.received + 1, machine.sent))
