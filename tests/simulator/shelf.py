"""A few COSEM objects for tests of services: what is written stays, methods echo."""

from __future__ import annotations

from collections.abc import Iterable

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.get import Access, Result
from dlmsd.simulator.personality import Client
from dlmsd.simulator.terms import Named
from tests.simulator.client import register

VOLTAGE = register("1-1:32.7.0")
MISSING = register("1-1:99.9.9")
LONG = register("1-1:98.1.0")
VALUE = Data(Tag.LONG_UNSIGNED, 2301)
LONG_VALUE = Data(Tag.OCTET_STRING, bytes(range(200)))
ECHO = MethodDescriptor(9, Obis.parse("0-0:10.0.0"), 1)
NO_METHOD = MethodDescriptor(9, Obis.parse("0-0:10.0.1"), 1)


class Shelf:
    """Two values at first. With selective access a part of an octet-string is meant, from the
    octet given by the selector on; numbers alone can be written there.
    """

    def __init__(self) -> None:
        self.values = {VOLTAGE: VALUE, LONG: LONG_VALUE}
        self.parts: list[tuple[AttributeDescriptor, Data, Access]] = []
        self.invoked: list[Data | None] = []

    def read(
        self, client: Client, attribute: AttributeDescriptor, access: Access | None = None
    ) -> Result:
        value = self.values.get(attribute)
        if value is None:
            return DataAccessResult.OBJECT_UNDEFINED
        if access is None:
            return value
        if not isinstance(value.value, bytes):
            return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return Data(Tag.OCTET_STRING, value.value[access[0] :])

    def write(
        self,
        client: Client,
        attribute: AttributeDescriptor,
        value: Data,
        access: Access | None = None,
    ) -> DataAccessResult:
        old = self.values.get(attribute)
        if old is None:
            return DataAccessResult.OBJECT_UNDEFINED
        if access is not None:
            self.parts.append((attribute, value, access))
            return DataAccessResult.SUCCESS
        if old.tag is not value.tag:
            return DataAccessResult.TYPE_UNMATCHED
        self.values[attribute] = value
        return DataAccessResult.SUCCESS

    def named(self, client: Client) -> Iterable[Named]:
        """One object of each class here, and one at an end of what is signed."""
        yield Named(0x0100, 3, 0, VOLTAGE.obis, (1, 2, 3), (1,))
        yield Named(0x8000, 3, 0, LONG.obis, (1, 2, 3), ())
        yield Named(0x0200, 9, 0, ECHO.obis, (1, 2), (1,))

    def invoke(
        self, client: Client, method: MethodDescriptor, parameters: Data | None
    ) -> ActionAnswer:
        if method != ECHO:
            return ActionAnswer(ActionResult.OBJECT_UNDEFINED)
        self.invoked.append(parameters)
        return ActionAnswer(ActionResult.SUCCESS, parameters)
