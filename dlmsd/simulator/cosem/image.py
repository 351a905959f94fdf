"""Image transfer (class 18): new firmware, block by block, verified and activated.

All of it is the meter's: a client that comes back goes on where
image_first_not_transferred_block_number says. What has arrived is told by its SHA-256 in
image_to_activate_info, and once active its identification is the firmware's (1-0:0.2.0).
"""

from __future__ import annotations

import enum
import hashlib
import math
from typing import TYPE_CHECKING, Final

from dlmsd.dlms.axdr.data import BitString, Data, Tag
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.events import Event, note
from dlmsd.simulator.cosem.instance import Attribute, Instance, Invoking, Kept, Method, writable

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

FIRMWARE: Final = b"VM-1.0"
_DIGEST: Final = hashlib.sha256().digest_size


class Status(enum.IntEnum):
    """image_transfer_status."""

    NOT_INITIATED = 0
    INITIATED = 1
    VERIFICATION_INITIATED = 2
    VERIFICATION_SUCCESSFUL = 3
    VERIFICATION_FAILED = 4
    ACTIVATION_INITIATED = 5
    ACTIVATION_SUCCESSFUL = 6
    ACTIVATION_FAILED = 7


_TAKES_BLOCKS: Final = (Status.INITIATED, Status.VERIFICATION_FAILED)
_UNDER_WAY: Final = (Status.VERIFICATION_INITIATED, Status.ACTIVATION_INITIATED)


class ImageStore:
    """What one meter has of its next image, from Unix seconds ``t`` to the next."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter
        self._options = meter.equipment.image
        self._firmware = FIRMWARE
        self.identification = b""
        self.octets = bytearray()
        self.there: list[bool] = []
        self._status = Status.NOT_INITIATED
        self._until = 0.0

    def status(self, t: float) -> Status:
        """Where it stands: what takes time is done when its time has come."""
        if self._status in _UNDER_WAY and t >= self._until:
            self._finish(self._until)
        return self._status

    def firmware(self, t: float) -> bytes:
        """The identification of what is active."""
        self.status(t)
        return self._firmware

    @property
    def first_missing(self) -> int:
        """The lowest number of a block that has not come, that of all if none is missing."""
        return self.there.index(False) if False in self.there else len(self.there)

    @property
    def complete(self) -> bool:
        """Whether all blocks are there."""
        return bool(self.there) and all(self.there)

    def initiate(self, identification: bytes, size: int) -> ActionResult:
        """Forget all else and wait for this image."""
        if not 0 < size <= self._options.most:
            return ActionResult.OTHER_REASON
        self.identification, self.octets = identification, bytearray(size)
        self.there = [False] * math.ceil(size / self._options.block_size)
        self._status = Status.INITIATED
        return ActionResult.SUCCESS

    def take(self, t: float, number: int, block: bytes) -> ActionResult:
        """Block ``number``, from 0; it may come twice."""
        if self.status(t) not in _TAKES_BLOCKS or number >= len(self.there):
            return ActionResult.OTHER_REASON
        start = number * self._options.block_size
        if len(block) != min(self._options.block_size, len(self.octets) - start):
            return ActionResult.OTHER_REASON
        self.octets[start : start + len(block)] = block
        self.there[number] = True
        self._status = Status.INITIATED
        return ActionResult.SUCCESS

    def verify(self, t: float) -> ActionResult:
        """temporary-failure while it is being verified."""
        status = self.status(t)
        if status is Status.NOT_INITIATED:
            return ActionResult.OTHER_REASON
        if status is Status.INITIATED or status is Status.VERIFICATION_FAILED:
            self._begin(t, Status.VERIFICATION_INITIATED, self._options.verifying)
        return self._answer(t, Status.VERIFICATION_FAILED)

    def activate(self, t: float) -> ActionResult:
        """Likewise; what was not verified is verified now, and at once."""
        status = self.status(t)
        if status is Status.NOT_INITIATED:
            return ActionResult.OTHER_REASON
        if status in (Status.INITIATED, Status.VERIFICATION_FAILED):
            status = Status.VERIFICATION_SUCCESSFUL if self._sound() else status
        if status is Status.VERIFICATION_SUCCESSFUL:
            self._begin(t, Status.ACTIVATION_INITIATED, self._options.activating)
        elif status not in (*_UNDER_WAY, Status.ACTIVATION_SUCCESSFUL):
            self._status = Status.ACTIVATION_FAILED
        return self._answer(t, Status.ACTIVATION_FAILED)

    def _answer(self, t: float, failed: Status) -> ActionResult:
        status = self.status(t)
        if status in _UNDER_WAY:
            return ActionResult.TEMPORARY_FAILURE
        return ActionResult.OTHER_REASON if status is failed else ActionResult.SUCCESS

    def _begin(self, t: float, status: Status, seconds: float) -> None:
        self._status, self._until = status, t + seconds

    def _finish(self, t: float) -> None:
        if self._status is Status.ACTIVATION_INITIATED:
            self._status = Status.ACTIVATION_SUCCESSFUL
            self._firmware = self.identification
            note(self._meter, t, Event.FIRMWARE_ACTIVATED)
        elif self._sound():
            self._status = Status.VERIFICATION_SUCCESSFUL
            note(self._meter, t, Event.FIRMWARE_READY)
        else:
            self._status = Status.VERIFICATION_FAILED

    def _sound(self) -> bool:
        if not self.complete:
            return False
        end = len(self.octets) - _DIGEST
        seal = hashlib.sha256(self.octets[: max(end, 0)]).digest()
        return not self._options.sealed or self.octets[max(end, 0) :] == seal

    def info(self) -> Data:
        """image_to_activate_info: size, identification and signature; none while it comes."""
        if not self.complete:
            return literal.array()
        digest = hashlib.sha256(self.octets).digest()
        return literal.array(
            literal.structure(
                literal.double_long_unsigned(len(self.octets)),
                literal.octets(self.identification),
                literal.octets(digest),
            )
        )

    def transferred(self) -> Data:
        """image_transferred_blocks_status: a bit for each block."""
        bits = "".join("1" if each else "0" for each in self.there)
        size = math.ceil(len(bits) / 8)
        octets = int(bits.ljust(8 * size, "0") or "0", 2).to_bytes(size, "big")
        return Data(Tag.BIT_STRING, BitString(octets, len(bits)))


STORE: Final = Kept(ImageStore)
_ENABLED: Final = writable(literal.boolean(True), shape.BOOLEAN)


def _method(invoke: Invoking, wanted: shape.Shape = shape.TRIGGER) -> Method:
    """A method that works while image_transfer_enabled is true."""

    def checked(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
        assert _ENABLED.read is not None
        if _ENABLED.read(meter, t) != literal.boolean(True):
            return ActionResult.OBJECT_UNAVAILABLE
        result = invoke(meter, t, parameters)
        assert isinstance(result, ActionResult)
        return result

    return Method(checked, wanted)


def _initiate(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    identification, size = shape.parts(parameters)
    return STORE.of(meter).initiate(identification, size)


def _take(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    number, block = shape.parts(parameters)
    return STORE.of(meter).take(t, number, block)


OBJECTS: Final = (
    Instance.of(
        1,
        "1-0:0.2.0",
        {"value": Attribute(lambda meter, t: literal.octets(STORE.of(meter).firmware(t)))},
    ),
    Instance.of(
        18,
        "0-0:44.0.0",
        {
            "image_block_size": Attribute(
                lambda meter, t: literal.double_long_unsigned(meter.equipment.image.block_size)
            ),
            "image_transferred_blocks_status": Attribute(
                lambda meter, t: STORE.of(meter).transferred()
            ),
            "image_first_not_transferred_block_number": Attribute(
                lambda meter, t: literal.double_long_unsigned(STORE.of(meter).first_missing)
            ),
            "image_transfer_enabled": _ENABLED,
            "image_transfer_status": Attribute(
                lambda meter, t: literal.enum(STORE.of(meter).status(t))
            ),
            "image_to_activate_info": Attribute(lambda meter, t: STORE.of(meter).info()),
        },
        {
            "image_transfer_initiate": _method(
                _initiate, shape.structure(shape.OCTETS, shape.DOUBLE_LONG_UNSIGNED)
            ),
            "image_block_transfer": _method(
                _take, shape.structure(shape.DOUBLE_LONG_UNSIGNED, shape.OCTETS)
            ),
            "image_verify": _method(lambda meter, t, _: STORE.of(meter).verify(t)),
            "image_activate": _method(lambda meter, t, _: STORE.of(meter).activate(t)),
        },
    ),
)
