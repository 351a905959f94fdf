"""What an association allows, looked up before anything is written or invoked.

The rights stand in the object list (Blue Book, Association LN, attribute 2), which may be
long: of the one object that is meant it is asked for by selective access, and whole only
where the meter does not know that. A meter that shows no list, or a very long one, is simply
asked for the work itself, and refuses by itself.

The list is the current association's, 0-0:40.0.0. A meter that has none there is asked which
of the numbered ones is this client's: the lists of others tell other rights.

By short names they stand in access_rights_list of Association SN, from its version 2 on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeAlias, TypeVar

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.designation import attribute_words, method_words
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import (
    ASSOCIATION_LN,
    CURRENT_ASSOCIATION,
    NUMBERED_ASSOCIATIONS,
    CosemObject,
    decode_object_list,
    object_list,
)
from dlmsd.dlms.cosem.short_names import ACCESS_RIGHTS_SN, ShortNames
from dlmsd.dlms.cosem.structure import array
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.selective import ObjectIdList
from dlmsd.errors import DlmsdError, MeterError, ServiceError

Wanted: TypeAlias = AttributeDescriptor | MethodDescriptor
_Id: TypeAlias = tuple[int, Obis]

_OBJECT_LIST: Final = 2
_PARTNERS: Final = 3
# A whole list for the sake of one object is worth a quarter of a minute of a slow line, no more.
MOST: Final = 32_768
# What a meter says of an object that it has not, or not for this client. An answer that is
# only too long, or a part that it cannot select, says nothing of the kind.
_NOT_HERE: Final = frozenset(
    {
        DataAccessResult.OBJECT_UNDEFINED,
        DataAccessResult.OBJECT_CLASS_INCONSISTENT,
        DataAccessResult.OBJECT_UNAVAILABLE,
        DataAccessResult.READ_WRITE_DENIED,
    }
)
_T = TypeVar("_T")


class AccessRightError(DlmsdError):
    """The meter does not allow this client to do that; `dlmsd browse` shows what it allows, and \
another client may do more."""

    culprit = "operator"
    cause = "operator"


class Tells(Protocol):
    """What a session is to those who ask for rights."""

    client: int
    """Its number."""
    names: ShortNames
    """Those of a meter with short names; of others the association's alone."""

    @property
    def conformance(self) -> Conformance:
        """What the meter offers."""

    async def get(self, attribute: AttributeDescriptor, access: Access | None = None) -> Data:
        """One attribute's value, or a part of it."""

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        """A result for each attribute, in order."""

    async def stream(
        self,
        attribute: AttributeDescriptor,
        access: Access | None,
        consume: Callable[[bytes], None],
    ) -> None:
        """One attribute's octets, as they come."""


class OwnAssociation:
    """Where the object of a client's association is; looked for once, and only where the
    meter has none at the current one's name, or keeps it from this client.
    """

    def __init__(self) -> None:
        self._obis = CURRENT_ASSOCIATION
        self._sought = False

    async def ask(self, session: Tells, question: Callable[[Obis], Awaitable[_T]]) -> _T:
        """What ``question`` gets of it."""
        try:
            return await question(self._obis)
        except ServiceError as error:
            if self._sought or error.result not in _NOT_HERE:
                raise
            self._sought = True
            found = await self._numbered(session)
            if found is None:
                raise
            self._obis = found
        return await question(self._obis)

    async def _numbered(self, session: Tells) -> Obis | None:
        partners = [_attribute(one, _PARTNERS) for one in NUMBERED_ASSOCIATIONS]
        told = zip(NUMBERED_ASSOCIATIONS, await session.get_many(partners), strict=True)
        return next((obis for obis, one in told if _client(one) == session.client), None)


class Rights:
    """Those of one association; each object is asked for once."""

    def __init__(self) -> None:
        self._own = OwnAssociation()
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
        if session.names.rights_told:
            return session.names.rights(await _streamed(session, ACCESS_RIGHTS_SN, MOST))
        if Conformance.SELECTIVE_ACCESS in session.conformance:

            async def part(of: Obis) -> Sequence[CosemObject]:
                # On the association's version depends what the rights of the others mean.
                ids = ObjectIdList(tuple(dict.fromkeys(((ASSOCIATION_LN, of), *missing))))
                told = await session.get(_attribute(of, _OBJECT_LIST), ids.access)
                return object_list(array(told, "object_list"))

            with suppress(ServiceError):
                return await self._own.ask(session, part)
        return await listed(session, MOST, self._own)


async def listed(
    session: Tells, most: int | None = None, own: OwnAssociation | None = None
) -> Sequence[CosemObject]:
    """The whole object list; MeterError for more octets than ``most``: its association is gone."""

    async def whole(of: Obis) -> bytes:
        return await _streamed(session, _attribute(of, _OBJECT_LIST), most)

    return decode_object_list(await (own or OwnAssociation()).ask(session, whole))


async def _streamed(session: Tells, attribute: AttributeDescriptor, most: int | None) -> bytes:
    octets = bytearray()

    def take(piece: bytes) -> None:
        octets.extend(piece)
        if most is not None and len(octets) > most:
            raise MeterError(f"its object list has more than {most} octets")

    await session.stream(attribute, None, take)
    return bytes(octets)


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


def _attribute(association: Obis, index: int) -> AttributeDescriptor:
    return AttributeDescriptor(ASSOCIATION_LN, association, index)


def _client(partners: GetResult) -> int | None:
    """client_SAP, the first of associated_partners_id; None if that is something else."""
    parts = partners.value if isinstance(partners, Data) else None
    first = parts[0].value if isinstance(parts, tuple) and parts else None
    # An integer of one octet with a sign, where clients have numbers without one.
    return first & 0xFF if isinstance(first, int) else None


def _id(wanted: Wanted) -> _Id:
    return wanted.class_id, wanted.obis
