"""What a meter shows to a client: its objects, less those that the client may not see.

Beside those that measure there is Association LN (Blue Book, class 15), whose attribute 2
lists them all, and where a meter has keys the counter that it heard last, which strangers
may read so that a client knows where to go on (class 1, 0-0:43.1.0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import field, frozen

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.object_list import ASSOCIATION_LN, CURRENT_ASSOCIATION
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.get import Access
from dlmsd.simulator.answer import Result
from dlmsd.simulator.meter import VirtualMeter
from dlmsd.simulator.personality import Client
from dlmsd.simulator.security import MeterSecurity

_DATA: Final = 1
CLIENT_COUNTER: Final = Obis.parse("0-0:43.1.0")
# Since this version of Association LN the right to a method is an enum, as in meters of today.
_ASSOCIATION_VERSION: Final = 1
# access_mode: read_only for attributes, access for methods.
_ALLOWED: Final = Data(Tag.ENUM, 1)


@frozen
class Shown:
    """One object. ``attributes`` may be read and ``methods`` invoked."""

    class_id: int
    obis: Obis
    attributes: tuple[int, ...]
    methods: tuple[int, ...] = ()

    @property
    def version(self) -> int:
        """All classes but Association LN have their first one."""
        return _ASSOCIATION_VERSION if self.class_id == ASSOCIATION_LN else 0

    def data(self) -> Data:
        """object_list_element."""
        attributes = [
            _structure(Data(Tag.INTEGER, index), _ALLOWED, Data(Tag.NULL_DATA, None))
            for index in self.attributes
        ]
        methods = [_structure(Data(Tag.INTEGER, index), _ALLOWED) for index in self.methods]
        return _structure(
            Data(Tag.LONG_UNSIGNED, self.class_id),
            Data(Tag.UNSIGNED, self.version),
            Data(Tag.OCTET_STRING, self.obis.raw),
            _structure(Data(Tag.ARRAY, tuple(attributes)), Data(Tag.ARRAY, tuple(methods))),
        )


@frozen
class Objects:
    """The objects of one meter. ``wall`` gives Unix seconds."""

    meter: VirtualMeter
    security: MeterSecurity
    wall: Callable[[], float] = field(repr=False)

    def read(
        self, client: Client, attribute: AttributeDescriptor, access: Access | None = None
    ) -> Result:
        """An attribute's value now, or the part that ``access`` selects; else why
        ``client`` cannot read it.
        """
        if access is not None:
            return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        own = next((one for one in self._own(client) if one.obis == attribute.obis), None)
        if own is None:
            found = self.meter.read(attribute, self.wall())
            seen = isinstance(found, DataAccessResult) or _sees(client, attribute.obis)
            return found if seen else DataAccessResult.READ_WRITE_DENIED
        if own.class_id != attribute.class_id:
            return DataAccessResult.OBJECT_CLASS_INCONSISTENT
        if attribute.attribute not in own.attributes:
            return DataAccessResult.READ_WRITE_DENIED
        if attribute.attribute == 1:
            return Data(Tag.OCTET_STRING, own.obis.raw)
        if own.class_id == ASSOCIATION_LN:
            return Data(Tag.ARRAY, tuple(one.data() for one in self.shown(client)))
        return Data(Tag.DOUBLE_LONG_UNSIGNED, self.security.client_counter)

    def write(
        self,
        client: Client,
        attribute: AttributeDescriptor,
        value: Data,
        access: Access | None = None,
    ) -> DataAccessResult:
        """Write an attribute for as long as the meter lives; else why ``client`` cannot."""
        found = self.read(client, attribute)
        return DataAccessResult.READ_WRITE_DENIED if isinstance(found, Data) else found

    def invoke(
        self, client: Client, method: MethodDescriptor, parameters: Data | None
    ) -> ActionAnswer:
        """Carry out a method; else why ``client`` cannot have it done."""
        name = AttributeDescriptor(method.class_id, method.obis, 1)
        found = self.read(client, name)
        if isinstance(found, DataAccessResult):
            return ActionAnswer(ActionResult(found))
        return ActionAnswer(ActionResult.READ_WRITE_DENIED)

    def shown(self, client: Client) -> Iterator[Shown]:
        """What ``client`` may read."""
        yield from self._own(client)
        for class_id, obis, attributes in self.meter.objects():
            if _sees(client, obis):
                yield Shown(class_id, obis, attributes)

    def _own(self, client: Client) -> Iterator[Shown]:
        """Those that belong to associations and not to measuring."""
        yield Shown(ASSOCIATION_LN, CURRENT_ASSOCIATION, (1, 2), (1,) if client.high else ())
        if self.security.keyed:
            yield Shown(_DATA, CLIENT_COUNTER, (1, 2))


def _sees(client: Client, obis: Obis) -> bool:
    return not client.sees or obis in map(Obis.parse, client.sees)


def _structure(*elements: Data) -> Data:
    return Data(Tag.STRUCTURE, elements)
