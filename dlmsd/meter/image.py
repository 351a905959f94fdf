"""Image transfer: new firmware for a meter (Blue Book 4.4.6, class 18).

Initiate, send the blocks, let the meter verify, compare what it says of the image, and
activate. The meter keeps what it has, so a transfer that broke off goes on where it was.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.classes import attribute as attribute_index
from dlmsd.dlms.cosem.classes import method as method_index
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.errors import MeterError, ServiceError
from dlmsd.meter.session import Session

_CLASS: Final = 18
OBJECT: Final = Obis.parse("0-0:44.0.0")
_POLL_SECONDS: Final = 2.0
# Verifying a megabyte takes a slow meter minutes; after this it is stuck.
_PATIENCE: Final = 900.0
# A meter that takes a block and then wants it again, so often, loses what it is given.
_ROUNDS: Final = 3

# What a transfer is good for only if all of it may be invoked.
_SENDING: Final = ("image_transfer_initiate", "image_block_transfer", "image_verify")

Progress = Callable[[int, int], None]
"""Blocks that the meter has, and blocks in all."""


class ImageError(MeterError):
    """The meter does not take this firmware; check that the file is made for this model."""

    retryable = False


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


@frozen
class Image:
    """``octets`` of a file, and the ``identification`` by which the meter is told of it."""

    identification: bytes
    octets: bytes


@frozen
class Told:
    """What the meter says of the image that it has, or nothing where it says nothing."""

    size: int | None
    identification: bytes
    signature: bytes


class ImageTransfer:
    """Of one image; each step takes a session that is open, so that a new one may go on."""

    def __init__(self, image: Image, clock: IReactorTime) -> None:
        self._image = image
        self._clock = clock
        self._begun = False

    async def send(self, session: Session, progress: Progress, *, resume: bool = False) -> None:
        """All blocks that the meter has not.

        It begins anew unless this transfer, or with ``resume`` an earlier one of as many
        blocks, was begun. ImageError if the meter does not want it.
        """
        await session.permit(*map(_method, _SENDING))
        if (await self._get(session, "image_transfer_enabled")) is not True:
            raise ImageError("image transfer is not enabled in this meter")
        size = await self._get(session, "image_block_size")
        if not isinstance(size, int) or size < 1:
            raise ImageError(f"image_block_size is {size}")
        octets = self._image.octets
        blocks = [octets[start : start + size] for start in range(0, len(octets), size)]
        if not (resume or self._begun) or not await self._goes_on(session, len(blocks)):
            await self._invoke(session, "image_transfer_initiate", self._head())
        self._begun = True
        for _ in range(_ROUNDS):
            first = await self._first_missing(session, len(blocks))
            progress(first, len(blocks))
            if first == len(blocks):
                return
            for number in range(first, len(blocks)):
                await self._block(session, number, blocks[number])
                progress(number + 1, len(blocks))
        raise ImageError(f"block {first} is missing, however often it is sent")

    async def verify(self, session: Session) -> Told:
        """Let the meter check what it has; what it then says of it. ImageError if it fails."""
        await self._work(session, "image_verify", Status.VERIFICATION_SUCCESSFUL)
        told = await self._told(session)
        if told.size not in (None, len(self._image.octets)):
            raise ImageError(f"the meter has an image of {told.size} octets")
        if told.identification not in (b"", self._image.identification):
            raise ImageError("the meter has an image with another identification")
        return told

    async def activate(self, session: Session) -> None:
        """Make it the meter's firmware, after which the meter may restart."""
        await self._work(session, "image_activate", Status.ACTIVATION_SUCCESSFUL)

    async def status(self, session: Session) -> Status:
        """Where the meter stands."""
        value = await self._get(session, "image_transfer_status")
        try:
            return Status(value)
        except ValueError:
            raise MeterError(f"image_transfer_status is {value}") from None

    async def _goes_on(self, session: Session, blocks: int) -> bool:
        if await self.status(session) is not Status.INITIATED:
            return False
        there = await self._get(session, "image_transferred_blocks_status")
        return int(getattr(there, "length", -1)) == blocks

    async def _first_missing(self, session: Session, blocks: int) -> int:
        first = await self._get(session, "image_first_not_transferred_block_number")
        if not isinstance(first, int) or first < 0:
            raise MeterError(f"image_first_not_transferred_block_number is {first}")
        return min(first, blocks)

    async def _block(self, session: Session, number: int, octets: bytes) -> None:
        parameters = _structure(
            Data(Tag.DOUBLE_LONG_UNSIGNED, number), Data(Tag.OCTET_STRING, octets)
        )
        await self._invoke(session, "image_block_transfer", parameters)

    def _head(self) -> Data:
        return _structure(
            Data(Tag.OCTET_STRING, self._image.identification),
            Data(Tag.DOUBLE_LONG_UNSIGNED, len(self._image.octets)),
        )

    async def _work(self, session: Session, method: str, wanted: Status) -> None:
        """A method that takes its time: temporary-failure says that the meter is at it."""
        (answer,) = await session.action_many((_method(method),), (Data(Tag.INTEGER, 0),))
        began = self._clock.seconds()
        if answer.result not in (ActionResult.SUCCESS, ActionResult.TEMPORARY_FAILURE):
            raise ImageError(f"{method}: {answer.result.words}")
        while answer.result is ActionResult.TEMPORARY_FAILURE:
            status = await self.status(session)
            if status is wanted:
                return
            if status in (Status.VERIFICATION_FAILED, Status.ACTIVATION_FAILED):
                raise ImageError(f"{method}: {status.name.lower().replace('_', ' ')}")
            if self._clock.seconds() - began > _PATIENCE:
                raise ImageError(f"{method}: not done within {_PATIENCE:.0f} s")
            await deferLater(self._clock, _POLL_SECONDS, lambda: None)

    async def _told(self, session: Session) -> Told:
        entries = await self._get(session, "image_to_activate_info")
        try:
            size, identification, signature = entries[0].value
            return Told(size.value, identification.value, signature.value)
        except (IndexError, TypeError, ValueError, AttributeError):
            return Told(None, b"", b"")

    async def _get(self, session: Session, name: str) -> Any:
        index = attribute_index(_CLASS, name)
        assert index is not None
        return (await session.get(AttributeDescriptor(_CLASS, OBJECT, index))).value

    async def _invoke(self, session: Session, name: str, parameters: Data) -> None:
        try:
            await session.action(_method(name), parameters)
        except ServiceError as error:
            raise ImageError(f"{name}: {error}") from error


def _method(name: str) -> MethodDescriptor:
    index = method_index(_CLASS, name)
    assert index is not None
    return MethodDescriptor(_CLASS, OBJECT, index)


def _structure(*elements: Data) -> Data:
    return Data(Tag.STRUCTURE, elements)
