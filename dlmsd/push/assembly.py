"""From frames to whole APDUs: segments of HDLC, M-Bus frames in sequence, general blocks.

Nothing of it is acknowledged. What does not go on is given up when its beginning comes
again, when it is over a limit, or after :data:`PATIENCE` without more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import define, field, frozen

from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.mbus import MBusFrame
from dlmsd.dlms.xdlms.block import (
    ApduReceived,
    BlockReceiver,
    GeneralBlockTransfer,
    TransferFailed,
)
from dlmsd.errors import DecodeError
from dlmsd.push.framing import APDU_TAGS, AnyFrame, Route

# Meters were seen to pause up to three seconds between two segments, and are allowed five.
PATIENCE: Final = 10.0
# One APDU has at most 65,535 octets, and LLC before them; no push in blocks needs more.
MAX_OCTETS: Final = 65_538
# One connection carries one meter, or those of a concentrator that sends in turn.
MAX_UNFINISHED: Final = 8
_LLC: Final = (b"\xe6\xe7\x00", b"\xe6\xe6\x00")
_SEQUENCES: Final = 16


@frozen
class Arrived:
    """A whole APDU, and the way it came."""

    apdu: bytes
    route: Route


@define
class _Parts:
    """What has come of one APDU: octets of frames, or blocks."""

    octets: bytearray = field(factory=bytearray)
    frames: int = 0
    blocks: BlockReceiver | None = None
    since: float = 0.0


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

    def receive(self, frame: AnyFrame, now: float) -> Iterator[Arrived]:
        """Take a frame, ``now`` in seconds; gives what it completes."""
        self.expire(now)
        route = Route.of(frame)
        apdu = self._joined(frame, route, now)
        if apdu is None:
            return
        if apdu[:1] != b"\xe0":
            yield Arrived(apdu, route)
            return
        try:
            block = GeneralBlockTransfer.decode(apdu)
        except DecodeError:
            self.lost += 1
            return
        yield from self._transferred(block, route, now)

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
        if information.startswith(_LLC):
            self._give_up(self._frames, route)
            information = information[len(_LLC[0]) :]
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
    ) -> Iterator[Arrived]:
        if block.block_number == 1:
            self._give_up(self._blocks, route)
        parts = self._blocks.get(route)
        if parts is None:
            parts = self._begin(self._blocks, route)
            parts.blocks = BlockReceiver(window=0)
        assert parts.blocks is not None
        parts.since = now
        for event in parts.blocks.receive(block):
            match event:
                case ApduReceived(apdu):
                    del self._blocks[route]
                    yield Arrived(apdu, route)
                    return
                case TransferFailed():
                    self._give_up(self._blocks, route)
                    return
        if parts.blocks.buffered > MAX_OCTETS:
            self._give_up(self._blocks, route)

    def _begin(self, unfinished: dict[Route, _Parts], route: Route) -> _Parts:
        if len(unfinished) >= MAX_UNFINISHED:
            self._give_up(unfinished, min(unfinished, key=lambda one: unfinished[one].since))
        parts = unfinished[route] = _Parts()
        return parts

    def _give_up(self, unfinished: dict[Route, _Parts], route: Route) -> None:
        self.lost += unfinished.pop(route, None) is not None
