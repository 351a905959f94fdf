"""What one client and one meter agreed upon, and what that client has of the meter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import field, frozen

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.short_names import ASSOCIATION_SN_BASE
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.initiate import VAA_NAME_LN, InitiateResponse
from dlmsd.simulator.answer import Result
from dlmsd.simulator.personality import Client, Personality
from dlmsd.simulator.protection import Protection
from dlmsd.simulator.quirks import Quirk


def _no_rights() -> tuple[Data, Data]:
    return Data(Tag.ARRAY, ()), Data(Tag.ARRAY, ())


@frozen
class Named:
    """An object as short names reach it: its base name, attributes and methods; ``rights`` are
    the access rights to both.
    """

    base: int
    class_id: int
    version: int
    obis: Obis
    attributes: tuple[int, ...]
    methods: tuple[int, ...]
    rights: Callable[[], tuple[Data, Data]] = field(default=_no_rights, eq=False)


class CosemObjects(Protocol):
    """The objects of a meter, as services reach them."""

    def read(
        self, client: Client, attribute: AttributeDescriptor, access: Access | None = None
    ) -> Result:
        """An attribute or a part of it, or why ``client`` cannot have it."""

    def write(
        self,
        client: Client,
        attribute: AttributeDescriptor,
        value: Data,
        access: Access | None = None,
    ) -> DataAccessResult:
        """Write an attribute or a part of it, or tell why not."""

    def invoke(
        self, client: Client, method: MethodDescriptor, parameters: Data | None
    ) -> ActionAnswer:
        """Carry out a method, or tell why not."""

    def named(self, client: Client) -> Iterable[Named]:
        """What ``client`` sees and short names reach, less the association itself."""


@frozen
class Terms:
    """What was agreed upon: ``conformance``, and ``sent``, the most octets of an APDU for
    the client, 0 for any. ``protection`` is what answers get before they are sent.
    """

    objects: CosemObjects
    client: Client
    personality: Personality
    conformance: Conformance
    sent: int
    protection: Protection | None = None

    @property
    def limit(self) -> int:
        """The most octets of the next answer before it is ciphered, 0 for any: what is then
        too long goes in general blocks, if those were agreed upon.
        """
        if not self.sent or self.offers(Conformance.GENERAL_BLOCK_TRANSFER):
            return 0
        added = 0 if self.protection is None else self.protection.overhead
        return max(1, self.sent - added)

    @property
    def granted(self) -> InitiateResponse:
        """What the AARE tells of it."""
        short = self.personality.referencing == "sn"
        name = ASSOCIATION_SN_BASE if short else VAA_NAME_LN
        return InitiateResponse(self.conformance, self.personality.max_pdu, name)

    def offers(self, service: Conformance) -> bool:
        """Whether this was agreed upon."""
        return service in self.conformance

    def has(self, quirk: Quirk) -> bool:
        """Whether the meter does this."""
        return quirk in self.personality.quirks

    @property
    def lists(self) -> bool:
        """Whether several references in one request are taken."""
        return self.personality.lists and self.offers(Conformance.MULTIPLE_REFERENCES)

    @property
    def selects(self) -> bool:
        """Whether a part of an attribute may be asked for."""
        by_logical, by_short = Conformance.SELECTIVE_ACCESS, Conformance.PARAMETERIZED_ACCESS
        return self.offers(by_short if self.personality.referencing == "sn" else by_logical)

    def fits(self, apdu: bytes) -> bool:
        """Whether the client takes a plain response of this length."""
        limit = self.limit
        return not limit or len(apdu) <= limit

    def read(self, attribute: AttributeDescriptor, access: Access | None = None) -> Result:
        """An attribute or a part of it, or why there is none."""
        if access is not None and not self.selects:
            return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return self.objects.read(self.client, attribute, access)

    def write(
        self, attribute: AttributeDescriptor, value: Data, access: Access | None = None
    ) -> DataAccessResult:
        """Write an attribute or a part of it, or tell why not."""
        if access is not None and not self.selects:
            return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return self.objects.write(self.client, attribute, value, access)

    def invoke(self, method: MethodDescriptor, parameters: Data | None) -> ActionAnswer:
        """Carry out a method, or tell why not."""
        return self.objects.invoke(self.client, method, parameters)
