"""From frames to whole APDUs: segments of HDLC, M-Bus frames in sequence, general blocks.

Only general blocks are acknowledged, where their sender offers a window. What does not go on
is given up when its beginning comes again, when it is over a limit, or after
:data:`PATIENCE` without more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import define, evolve, field, frozen

from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.mbus import MBusFrame
from dlmsd.dlms.xdlms.block import (
    ApduReceived,
    BlockReceiver,
    GeneralBlockTransfer,
    SendBlocks,
    TransferState,
)
from dlmsd.errors import DecodeError
from dlmsd.push.framing import APDU_TAGS, LLC, AnyFrame, Route, answer

# Meters were seen to pause up to three seconds between two segments, and are allowed five.
PATIENCE: Final = 10.0
# One APDU has at most 65,535 octets, and LLC before them; no push in blocks needs more.
MAX_OCTETS: Final = 65_538
# One connection carries one meter, or those of a concentrator that sends in turn.
MAX_UNFINISHED: Final = 8
_SEQUENCES: Final = 16
# Blocks that a sender who wants acknowledgements may send before the next one.
_WINDOW: Final = 16
# A sender that hears nothing repeats within this; a new APDU comes later.
_REPEAT_SECONDS: Final = 2.0


@frozen
class Arrived:
    """A whole APDU, the way it came, and the last frame that carried it."""

    apdu: bytes
    route: Route
    frame: AnyFrame | None = field(default=None, eq=False)


@frozen
class Answer:
    """Octets to send back: blocks were received."""

    octets: bytes


@define
class _Parts:
    """What has come of one APDU: octets of frames, or blocks, and then those of the first.

    ``last`` is the APDU before, if its blocks were acknowledged: it may come again.
    """

    octets: bytearray = field(factory=bytearray)
    frames: int = 0
    blocks: BlockReceiver | None = None
    since: float = 0.0

    last: bytes = b""

    @property
    def complete(self) -> bool:
        """Whether it only waits for repeats of what it has."""
        return self.blocks is not None and self.blocks.state is TransferState.COMPLETE

    def repeats(self, first: GeneralBlockTransfer, now: float) -> bool:
        """Whether this first block is of the same transfer.

        Datagrams overtake each other, so it may be late; and where blocks are acknowledged
        it may come again. But what a sender gave up must not end up in its next APDU.
        """
        if self.blocks is None or not self.blocks.received:
            return True
        recent = now - self.since < _REPEAT_SECONDS
        return first.window > 0 and not self.complete and recent and first.data == self.octets


class Assembly:
    """Joins what came in parts, for each route apart. ``lost`` counts what was given up."""

    def __init__(self) -> None:
        self.lost = 0
        self._frames: dict[Route, _Parts] = {}
        self._blocks: dict[Route, _Parts] = {}

    @property
    def unfinished(self) -> bool:
        """Whether something waits for more."""
        return bool(self._frames or self._blocks)

    def receive(self, frame: AnyFrame, now: float) -> Iterator[Arrived | Answer]:
        """Take a frame, ``now`` in seconds; gives what it completes, and what to answer."""
        self.expire(now)
        route = Route.of(frame)
        apdu = self._joined(frame, route, now)
        if apdu is None:
            return
        if apdu[:1] != b"\xe0":
            yield Arrived(apdu, route, frame)
            return
        try:
            block = GeneralBlockTransfer.decode(apdu)
        except DecodeError:
            self.lost += 1
            return
        for one in self._transferred(block, route, now):
            if isinstance(one, Arrived):
                yield evolve(one, frame=frame)
            elif octets := answer(frame, one.encode()):
                yield Answer(octets)

    def expire(self, now: float) -> None:
        """Give up what has waited too long."""
        for unfinished in (self._frames, self._blocks):
            for route in [r for r, parts in unfinished.items() if now - parts.since >= PATIENCE]:
                self._give_up(unfinished, route)

    def _joined(self, frame: AnyFrame, route: Route, now: float) -> bytes | None:
        match frame:
            case Frame():
                return self._segment(frame, route, now)
            case MBusFrame():
                return self._part(frame, route, now)
            case _:
                # Nothing checks a wrapper, and any octets may look like one.
                plausible = bool(frame.apdu) and frame.apdu[0] in APDU_TAGS
                self.lost += not plausible
                return frame.apdu if plausible else None

    def _segment(self, frame: Frame, route: Route, now: float) -> bytes | None:
        """The LLC octets mark a beginning; some meters leave them out, and blocks do."""
        if frame.kind not in (Kind.UI, Kind.I) or not frame.information:
            return None
        information = frame.information
        if information.startswith(LLC):
            self._give_up(self._frames, route)
            information = information[len(LLC[0]) :]
        return self._continued(information, route, now, final=not frame.segmented)

    def _part(self, frame: MBusFrame, route: Route, now: float) -> bytes | None:
        if frame.sequence == 0 and not self._wraps(route):
            self._give_up(self._frames, route)
        parts = self._frames.get(route)
        due = parts.frames % _SEQUENCES if parts is not None else 0
        if frame.sequence != due:
            self._give_up(self._frames, route)
            self.lost += parts is None
            return None
        return self._continued(frame.data, route, now, final=frame.final)

    def _wraps(self, route: Route) -> bool:
        """Whether 0 is not a beginning but what follows 15."""
        parts = self._frames.get(route)
        return parts is not None and parts.frames % _SEQUENCES == 0

    def _continued(self, octets: bytes, route: Route, now: float, *, final: bool) -> bytes | None:
        parts = self._frames.get(route)
        if parts is None:
            if final:
                return octets
            parts = self._begin(self._frames, route)
        parts.octets += octets
        parts.frames += 1
        parts.since = now
        if len(parts.octets) > MAX_OCTETS:
            self._give_up(self._frames, route)
            return None
        if not final:
            return None
        del self._frames[route]
        return bytes(parts.octets)

    def _transferred(
        self, block: GeneralBlockTransfer, route: Route, now: float
    ) -> Iterator[Arrived | GeneralBlockTransfer]:
        parts, receiver = self._receiver(block, route, now)
        events = receiver.receive(block)
        if parts.complete and block.window:
            # Elsewhere an answer follows and acknowledges; here the last block needs its own.
            events += receiver.receive(block)
        for event in events:
            match event:
                case ApduReceived(apdu):
                    if not block.window or apdu != parts.last:
                        yield Arrived(apdu, route)
                    parts.last = apdu
                case SendBlocks(blocks):
                    yield from blocks
        # One that is acknowledged stays, for repeats of its end.
        ended = receiver.state is not TransferState.RECEIVING
        if (ended and not block.window) or receiver.buffered > MAX_OCTETS:
            self._give_up(self._blocks, route)

    def _receiver(
        self, block: GeneralBlockTransfer, route: Route, now: float
    ) -> tuple[_Parts, BlockReceiver]:
        """The transfer under way, or a new one if this block begins it."""
        parts, last = self._blocks.get(route), b""
        if parts is not None and block.block_number == 1 and not parts.repeats(block, now):
            last = parts.last
            self._give_up(self._blocks, route)
            parts = None
        if parts is None or parts.blocks is None:
            parts = self._begin(self._blocks, route)
            parts.blocks = BlockReceiver(window=_WINDOW if block.window else 0)
            parts.last = last
        if block.block_number == 1:
            parts.octets[:] = block.data
        parts.since = now
        return parts, parts.blocks

    def _begin(self, unfinished: dict[Route, _Parts], route: Route) -> _Parts:
        if len(unfinished) >= MAX_UNFINISHED:
            self._give_up(unfinished, min(unfinished, key=lambda one: unfinished[one].since))
        parts = unfinished[route] = _Parts()
        return parts

    def _give_up(self, unfinished: dict[Route, _Parts], route: Route) -> None:
        parts = unfinished.pop(route, None)
        self.lost += parts is not None and not parts.complete
