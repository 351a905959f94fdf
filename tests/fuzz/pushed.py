"""What arrives unasked, and on lines of its own kind: pushes, M-Bus frames, mode E."""

from __future__ import annotations

from typing import Final, cast
from zoneinfo import ZoneInfo

from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.mbus import MAX_DATA, MBusFrame, MBusReassembly
from dlmsd.dlms.mode_e import ModeE, State, even
from dlmsd.dlms.security.context import SecurityContext
from dlmsd.dlms.security.counter import CounterBlock, ReceivedCounters, TransmitCounter
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy
from dlmsd.meter.installation import BARE, Installation
from dlmsd.meter.payload import decode_push
from dlmsd.meter.security import CounterStore, keys_of
from dlmsd.push.clock import told_ts
from dlmsd.push.security import PushSecurity
from dlmsd.push.stream import Stream
from dlmsd.push.values import Picker
from tests.dlms.security.contexts import seeded
from tests.fuzz.machines import steps
from tests.fuzz.secured import REFUSALS
from tests.fuzz.target import Target, behind, pieces
from tests.push.pushes import apdus, ciphered, meter
from tests.push.test_security import protect
from tests.vectors import hdlc
from tests.vectors import push as vectors

_NOW: Final = 1_700_000_000.0


def _mbus_stream(octets: bytes) -> None:
    stream = MBusReassembly()
    for piece in pieces(octets):
        stream.feed(piece)
    while stream.abandon():
        pass


# A sender's octets, framed.

_FRAMINGS: Final = ("auto", "hdlc", "wrapper", "mbus")


def _stream(octets: bytes) -> None:
    """The first octet says of which framing."""
    stream = Stream(_FRAMINGS[octets[0] & 3 if octets else 0])
    for second, piece in enumerate(pieces(octets[1:])):
        stream.feed(piece, second)
    stream.abandon(60.0)


def _frame(what: int, octets: bytes) -> bytes:
    """Parts with good checks: UI frames of HDLC, segmented or not, or M-Bus frames."""
    if what & 1:
        control = 0x10 if what & 8 else 0x13
        head = b"" if what & 4 else b"\xe6\xe7\x00"
        return Frame(
            b"\x21", b"%c" % (what >> 4 | 1), control, head + octets, bool(what & 2)
        ).encode()
    return MBusFrame(what >> 7, 1, octets[:MAX_DATA], what >> 2 & 15, bool(what & 2)).encode()


def _parts(octets: bytes) -> None:
    """The first octet says of which framing; a pause lies before each 17th part."""
    stream = Stream("mbus" if octets[:1] > b"\x7f" else "hdlc")
    kind = octets[:1] <= b"\x7f"
    for second, (what, rest) in enumerate(steps(octets)):
        stream.feed(_frame(what & 0xFE | kind, rest), second + 9.0 * (second // 16))
    stream.abandon(1000.0)


_BLOCK: Final = b"\xe0\x40\x00\x01\x00\x00\x02\x0f\x00", b"\xe0\x80\x00\x02\x00\x00\x01\x00"
_PARTS: Final = (
    b"\x00\x00\x02\x04\x0f\x00\x00\x00\x06\x02\x00\x00\x04\x02\x00\x00",
    b"\x00\x00\x00\x09%b\x00\x08%b" % _BLOCK,
    b"\x80\x00\x00\x04\x0f\x00\x00\x00\x04\x02\x00\x00\x0a\x02\x00\x00",
    b"\x80\x00\x02\x09%b\x02\x08%b" % _BLOCK,
)

# What a push holds.

_LISTS: Final = meter('profile = "kaifa-han"')
_PICKERS: Final = (_LISTS, meter("push_lists = []"))
_PRAGUE: Final = Installation(timezone=ZoneInfo("Europe/Prague"))


def _payload(octets: bytes) -> None:
    push = decode_push(octets)
    assert push.texts >= push.identities
    for options in _PICKERS:
        Picker(options).pick(push, 0.0)
    for installation in (BARE, _PRAGUE):
        told_ts(push, _NOW, installation)


# Who protects it, and who must have.

_KEYED: Final = ciphered(
    vectors.LANDIS_GYR_KEYS,
    vectors.LANDIS_GYR_TITLE,
    'system_title = "DLM00001"',
    f'master_key = "{bytes(16).hex()}"',
)
_NEVER_ASKED: Final = cast(CounterStore, None)


def _once(plain: bytes) -> bytes:
    """``plain`` under a key of one use, as the meter sends it."""
    assert _KEYED.meter_system_title is not None
    meter = SecurityContext(
        suite=SUITES[0],
        policy=SecurityPolicy(_KEYED.security),
        keys=keys_of(_KEYED),
        title=_KEYED.meter_system_title,
        peer_title=_KEYED.system_title,
        transmit=TransmitCounter(CounterBlock(1, 1 << 31)),
        received=ReceivedCounters(),
        random=seeded(4),
        server=True,
    )
    return meter.protect_general(plain, meter.begin(), KeyKind.WRAPPED)


def _protected(octets: bytes) -> None:
    """The first octet says whether the meter protects the rest, and how, or it arrives as it is."""
    apdu, kind = octets[1:], octets[0] >> 6 if octets else 0
    if kind > 1 and apdu:
        apdu = protect(apdu, 1) if kind > 2 else _once(apdu)
    security = PushSecurity(_KEYED, _NEVER_ASKED, ReceivedCounters(), seeded(3))
    decode_push(security.open(apdu))


# Mode E.


def _mode_e(octets: bytes) -> None:
    """Octets in pieces, and the wait that is over in between; with parity or without."""
    machine = ModeE()
    machine.start()
    for piece in pieces(even(octets) if octets[:1] > b"\x7f" else octets):
        machine.receive(piece)
        if piece[-1] & 1 or machine.state is not State.REQUESTED:
            machine.elapsed()


_OPENINGS: Final = (
    b"/LGZ4\\2ZMD3104100\r\n\x06252\r\n",
    b"/ISk5\\2MT382-1000\r\n\x06252\r\n",
    b"/?!\r\n/LGZ5ZMD120\r\n",
)


def targets() -> tuple[Target, ...]:
    """All of them."""
    mbus = (*vectors.NETZ_NOE, *vectors.VORARLBERG, vectors.KMS_WEST, *vectors.SAGEMCOM_MBUS)
    framed = (*hdlc.PUSH_BLOCKS, hdlc.PUSH, vectors.KAIFA_STREAM, *mbus)
    payloads = [
        apdu
        for octets in vars(vectors).values()
        if isinstance(octets, bytes | tuple)
        for apdu in apdus(*(octets if isinstance(octets, tuple) else (octets,)))
    ]
    streams = tuple(bytes((place & 3,)) + octets for place, octets in enumerate(framed))
    many = b"\x68\xfe\xfe\x68\x16" * 13_000
    return (
        Target("mbus.stream", _mbus_stream, (*mbus, b"".join(mbus[:4])), (many,)),
        Target("push.stream", _stream, streams, (b"\x03" + many,)),
        Target("push.parts", _parts, _PARTS, harvest=False),
        Target(
            "push.payload", _payload, tuple(payloads), large=behind(b"\x0f\x00\x00\x00\x01\x00")
        ),
        Target(
            "push.protected",
            _protected,
            (
                *(b"\xff" + apdu for apdu in payloads),
                *(b"\x80" + apdu for apdu in payloads[:3]),
                *(b"\0" + apdu for apdu in apdus(vectors.LANDIS_GYR_CIPHERED)),
                *(b"\0" + _once(apdu) for apdu in payloads[:3]),
            ),
            refusals=REFUSALS,
            harvest=False,
        ),
        Target("mode-e", _mode_e, _OPENINGS),
    )
