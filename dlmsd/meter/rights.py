"""What an association allows, looked up before anything is written or invoked.

The rights stand in the object list (Blue Book, Association LN, attribute 2), which may be
long: of the one object that is meant it is asked for by selective access, and whole only
where the meter does not know that. A meter that shows no list, or a very long one, is simply
asked for the work itself, and refuses by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeAlias

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.designation import attribute_words, method_words
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import (
    ASSOCIATION_LN,
    CURRENT_ASSOCIATION,
    CosemObject,
    decode_object_list,
    object_list,
)
from dlmsd.dlms.cosem.structure import array
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.selective import ObjectIdList
from dlmsd.errors import DlmsdError, MeterError, ServiceError

Wanted: TypeAlias = AttributeDescriptor | MethodDescriptor
_Id: TypeAlias = tuple[int, Obis]

OBJECT_LIST: Final = AttributeDescriptor(ASSOCIATION_LN, CURRENT_ASSOCIATION, 2)
# A whole list for the sake of one object is worth a quarter of a minute of a slow line, no more.
MOST: Final = 32_768
_ASSOCIATION: Final = ASSOCIATION_LN, CURRENT_ASSOCIATION


class AccessRightError(DlmsdError):
    """The meter does not allow this client to do that; `dlmsd browse` shows what it allows, and \
another client may do more."""

    culprit = "operator"
    cause = "operator"


class Tells(Protocol):
    """What a session is to those who ask for rights."""

    @property
    def conformance(self) -> Conformance:
        """What the meter offers."""

    async def get(self, attribute: AttributeDescriptor, access: Access | None = None) -> Data:
        """One attribute's value, or a part of it."""

    async def stream(
        self,
        attribute: AttributeDescriptor,
        access: Access | None,
        consume: Callable[[bytes], None],
    ) -> None:
        """One attribute's octets, as they come."""


class Rights:
    """Those of one association; each object is asked for once."""

    def __init__(self) -> None:
        self._objects: dict[_Id, CosemObject | None] = {}
        self._told = True

    def forget(self) -> None:
        """Another association may have others."""
        self._objects.clear()

    async def check(self, session: Tells, wanted: Sequence[Wanted]) -> None:
        """AccessRightError for the first one that may not be written or invoked.

        Where the meter's answer made no sense, its association is gone.
        """
        missing = {_id(one) for one in wanted} - self._objects.keys()
        if missing and self._told:
            await self._learn(session, sorted(missing, key=lambda each: (each[0], each[1].raw)))
        for one in wanted:
            known = self._objects.get(_id(one))
            if known is not None:
                try:
                    _refuse_unless_allowed(known, one)
                except AccessRightError:
                    self.forget()  # until the next attempt it may be granted
                    raise

    async def _learn(self, session: Tells, missing: Sequence[_Id]) -> None:
        try:
            listed = await self._listed(session, missing)
        except MeterError:
            self._told = False
            return
        found = {(one.class_id, one.obis): one for one in listed}
        self._objects |= {each: found.get(each) for each in missing}

    async def _listed(self, session: Tells, missing: Sequence[_Id]) -> Sequence[CosemObject]:
        if Conformance.SELECTIVE_ACCESS in session.conformance:
            # On the association's version depends what the rights of the others mean.
            ids = ObjectIdList(tuple(dict.fromkeys((_ASSOCIATION, *missing))))
            with suppress(ServiceError):
                told = await session.get(OBJECT_LIST, ids.access)
                return object_list(array(told, "object_list"))
        return await listed(session, MOST)


async def listed(session: Tells, most: int | None = None) -> Sequence[CosemObject]:
    """The whole object list; MeterError for more octets than ``most``: its association is gone."""
    octets = bytearray()

    def take(piece: bytes) -> None:
        octets.extend(piece)
        if most is not None and len(octets) > most:
            raise MeterError(f"its object list has more than {most} octets")

    await session.stream(OBJECT_LIST, None, take)
    return decode_object_list(bytes(octets))


def _refuse_unless_allowed(known: CosemObject, wanted: Wanted) -> None:
    if isinstance(wanted, MethodDescriptor):
        if not known.invocable(wanted.method):
            what = f"{wanted} {method_words(wanted)}".rstrip()
            mode = known.method_mode(wanted.method)
            raise AccessRightError(f"{what} may not be invoked: its access mode is {mode}")
    elif not known.writable(wanted.attribute):
        what = f"{wanted} {attribute_words(wanted)}".rstrip()
        mode = known.attribute_mode(wanted.attribute)
        raise AccessRightError(f"{what} may not be written: its access mode is {mode}")


def _id(wanted: Wanted) -> _Id:
    return wanted.class_id, wanted.obis
