"""Faults of octets and frames: 8 to 29. Each says what comes in place of one good frame."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.address import client_address
from dlmsd.dlms.hdlc.control import Kind as FrameKind
from dlmsd.dlms.hdlc.fcs import fcs
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import LLC_FROM_METER
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.wrapper import WrapperFrame, WrapperReassembly
from dlmsd.simulator.faults import Pause, Step, Write
from tests.matrix.line import Wire
from tests.matrix.lines import cut
from tests.matrix.state import Kind

_STRANGER = 0x55
_FLAG = b"\x7e"
# So much in each of the pieces of a flood, and so often.
_PIECE, _EVERY = 400, 0.02
_NO_INFORMATION = b"\x7e\xa0\x07"


def _hdlc(wire: Wire) -> bool:
    return wire.line.kind is not Kind.WRAPPER


def read(octets: bytes) -> Frame:
    """The first frame of what the meter said."""
    (first, *_) = [one for one in FrameReassembly().feed(octets) if isinstance(one, Frame)]
    return first


def _stranger(wire: Wire, information: bytes = b"for somebody else") -> bytes:
    """A good frame that is for another client."""
    if not _hdlc(wire):
        return WrapperFrame(wire.line.server.logical, _STRANGER, information).encode()
    frame = wire.frame(control.information(1, 1, final=True), information)
    return evolve(frame, destination=client_address(_STRANGER)).encode()


def _header(octets: bytes) -> int:
    """Where the header check of a frame begins."""
    frame = read(octets)
    return 3 + len(frame.destination) + len(frame.source) + 1


def _sealed(body: bytes) -> bytes:
    return _FLAG + body + fcs(body) + _FLAG


def trickle(wire: Wire, octets: bytes) -> list[Step]:
    """Between a fiftieth of a second and two seconds for each octet."""
    pause = wire.line.random.choice((0.02, 0.2, 1.0, 2.0))
    steps: list[Step] = []
    for octet in octets:
        steps += (Pause(pause), Write(bytes((octet,))))
    return steps


def together(wire: Wire, octets: bytes) -> list[Step]:
    """Three frames in one segment, with one flag between them."""
    if not _hdlc(wire):
        return [Write(_stranger(wire) + octets + octets)]
    return [Write(_stranger(wire)[:-1] + octets[:-1] + octets)]


def garbage(wire: Wire, octets: bytes) -> list[Step]:
    """Before, behind, or both."""
    random = wire.line.random
    kinds = (_FLAG, b"\x7e\xa0", b"\x7e\x7e", random.randbytes(3), b"\xe6\xe7", b"\x00\x01")
    parts = [b"".join(random.choices(kinds, k=random.randint(0, 80))) for _ in range(2)]
    return [Write(parts[0] + octets + parts[1])]


def _flagged() -> tuple[bytes, ...]:
    """Good frames with a flag inside each of their fields."""
    frames: list[bytes] = []
    for size in range(1, 30):
        for server in range(1, 120, 2):
            frame = Frame(b"\xa7", bytes((server,)), 0x30, b"\x7e" * size).encode()
            if _FLAG in frame[6:8] or _FLAG in frame[-3:-1]:
                frames.append(frame)
    return tuple(frames)


_FLAGGED = _flagged()


def flags(wire: Wire, octets: bytes) -> list[Step]:
    """A frame full of flags in front, and flags between."""
    random = wire.line.random
    front = b"".join(random.choices(_FLAGGED, k=3)) + _FLAG * random.randint(0, 20)
    return [Write((front if _hdlc(wire) else _stranger(wire, _FLAG * 90)) + octets)]


def bad_fcs(wire: Wire, octets: bytes) -> list[Step]:
    """One bit anywhere between the flags."""
    spoiled = bytearray(octets)
    spoiled[wire.line.random.randrange(1, len(octets) - 1)] ^= 1 << wire.line.random.randrange(8)
    return [Write(bytes(spoiled))]


def bad_hcs(wire: Wire, octets: bytes) -> list[Step]:
    """The header check wrong, the frame check right."""
    place = _header(octets) + wire.line.random.randrange(2)
    body = bytearray(octets[1:-3])
    if place - 1 >= len(body):
        return bad_fcs(wire, octets)
    body[place - 1] ^= 1 << wire.line.random.randrange(8)
    return [Write(_sealed(bytes(body)))]


def truncated(wire: Wire, octets: bytes) -> list[Step]:
    return [Write(cut(wire, octets)), Write(octets)]


def lengths(wire: Wire, octets: bytes) -> list[Step]:
    """A length that is too short, too long, or everything; in front, or instead."""
    random = wire.line.random
    if not _hdlc(wire):
        length = random.choice((0, 1, len(octets), 0xFFFF))
        return [Write(octets[:6] + length.to_bytes(2, "big") + octets[8:])]
    length = random.choice((*range(7), len(octets) + 1, 1024, 2047))
    head = (0xA000 | length).to_bytes(2, "big") + octets[3 : _header(octets)]
    spoiled = _FLAG + head + fcs(head)
    if random.random() < 0.5:
        return [Write(spoiled + octets)]
    return [Write(spoiled + octets[_header(octets) + 2 :])]


def formats(wire: Wire, octets: bytes) -> list[Step]:
    """Another format type, or the segmentation bit alone; the wrapper's version."""
    random = wire.line.random
    if not _hdlc(wire):
        return [Write(random.choice((0, 2, 0x7EA0)).to_bytes(2, "big") + octets[2:])]
    first = random.choice((0x00, 0x90, 0xB0, 0xF0, 0x20, 0xA8))
    body = bytes((first | octets[1] & 7,)) + octets[2:-3]
    end = _header(octets) - 1
    if len(body) > end:
        body = body[:end] + fcs(body[:end]) + body[end + 2 :]
    return [Write(_sealed(body))]


def flood(wire: Wire, octets: bytes) -> list[Step]:
    """Octets without end: flags, never a flag, or anything; a frame's beginning first."""
    line, random = wire.line, wire.line.random
    kind = random.choice((_FLAG, b"\x00", b"\xa0", b"", b"\x7e\xa7\xff"))
    if _hdlc(wire):
        # WRAPPER has no check: what fills up an APDU there is believed.
        wire.write(cut(wire, octets))

    def go_on() -> None:
        if line.active and wire.pipe.peer.open:
            wire.write(kind * (_PIECE // len(kind)) if kind else random.randbytes(_PIECE))
            line.network.callLater(_EVERY, go_on)

    line.network.callLater(_EVERY, go_on)
    return []


def strangers(wire: Wire, octets: bytes) -> list[Step]:
    """Another destination, another source, or to all."""
    random = wire.line.random
    if not _hdlc(wire):
        (frame,) = WrapperReassembly(_EVERYBODY).feed(octets)
        other = random.randrange(20, 100)
        source = random.random() < 0.5
        return [
            Write(evolve(frame, source=other).encode())
            if source
            else Write(evolve(frame, destination=other).encode())
        ]
    frame = read(octets)
    changed = random.choice(
        (
            evolve(frame, destination=client_address(_STRANGER)),
            evolve(frame, source=b"\x23"),
            evolve(frame, destination=b"\xff"),
            evolve(frame, source=b"\x02\x23", destination=b"\xff"),
        )
    )
    return [Write(changed.encode())]


class _Everybody:
    def __contains__(self, ports: object) -> bool:
        return True


_EVERYBODY = _Everybody()


def doubled(wire: Wire, octets: bytes) -> list[Step]:
    """Again with its old N(S), at once or after a while."""
    return [Write(octets), Pause(wire.line.random.choice((0.0, 0.004, 0.3))), Write(octets)]


def numbers(wire: Wire, octets: bytes) -> list[Step]:
    """N(S) further on, or an N(R) that was never sent."""
    frame, random = read(octets), wire.line.random
    if frame.kind is not FrameKind.I:
        field = control.information(random.randrange(8), random.randrange(8), final=True)
        return [Write(wire.frame(field, LLC_FROM_METER + wire.line.forged()).encode() + octets)]
    send, receive = control.send_number(frame.control), control.receive_number(frame.control)
    shift = random.randint(1, 6)
    if random.random() < 0.5:
        send = (send + shift) % 8
    else:
        receive = (receive + shift) % 8
    field = control.information(send, receive, final=frame.final)
    return [Write(evolve(frame, control=field).encode())]


def stale(wire: Wire, octets: bytes) -> list[Step]:
    """Frames of earlier conversations first, the first of them without its beginning."""
    random, earlier = wire.line.random, wire.line.earlier
    old = [random.choice(earlier) for _ in range(random.randint(1, 3)) if earlier]
    if not old:
        old = [_old(wire)]
    old[0] = old[0][random.randrange(len(old[0])) :]
    return [Write(b"".join(old) + octets)]


def _old(wire: Wire) -> bytes:
    return wire.unasked(wire.line.forged())


def late(wire: Wire, octets: bytes) -> list[Step]:
    """When the client has given it up, once or for good."""
    return [Pause(wire.line.random.choice((1.2, 2.5, 4.0)) * 5.0), Write(octets)]


def _unnumbered(field: int) -> Callable[[Wire, bytes], list[Step]]:
    def spoil(wire: Wire, octets: bytes) -> list[Step]:
        random = wire.line.random
        information = b""
        if field == control.FRMR:
            information = bytes((random.randrange(256), random.randrange(256), 1 << 3))
        return [Write(wire.frame(field | control.POLL_FINAL, information).encode())]

    return spoil


disconnected_mode = _unnumbered(control.DM)
rejection = _unnumbered(control.FRMR)


def parameters(wire: Wire, octets: bytes) -> list[Step]:
    """UA with limits that nobody has."""
    random = wire.line.random
    sizes = (0, 1, 31, 126, 65_535)
    absurd = LinkParameters(
        random.choice(sizes), random.choice(sizes), random.choice((0, 7, 200)), 9
    ).encode()
    information = random.choice((absurd, absurd[: random.randrange(len(absurd))], b"\x81\x80\xff"))
    return [Write(wire.frame(control.UA | control.POLL_FINAL, information).encode())]


def not_ready(wire: Wire, octets: bytes) -> list[Step]:
    return [Write(wire.frame(control.receive_not_ready(wire.receive)).encode())]


def ready(wire: Wire, octets: bytes) -> list[Step]:
    return [Write(wire.frame(control.receive_ready(wire.receive)).encode())]


def segments(wire: Wire, octets: bytes) -> list[Step]:
    """Segment after segment, and each is not the last."""
    field = control.information(wire.sent, wire.receive, final=True)
    information = (LLC_FROM_METER + wire.line.forged()).ljust(30, b"\x00")
    return [Write(wire.frame(field, information, segmented=True).encode())]


def llc(wire: Wire, octets: bytes) -> list[Step]:
    """Other octets where e6e700 belongs."""
    frame = read(octets)
    wrong = wire.line.random.choice((b"\xe6\xe6\x00", b"\x00\x00\x00", b"\xe6\xe7\x01", b"\xe6"))
    if frame.kind is FrameKind.I and frame.information.startswith(LLC_FROM_METER):
        return [Write(evolve(frame, information=wrong + frame.information[3:]).encode())]
    field = control.information(wire.sent, wire.receive, final=True)
    return [Write(wire.frame(field, wrong + wire.line.forged()).encode())]
