"""A virtual meter on a bench: attributes and methods by code, at a time that tests choose."""

from __future__ import annotations

from typing import Any

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem import classes
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem.registry import INSTANCES
from dlmsd.simulator.equipment import Equipment
from dlmsd.simulator.meter import VirtualMeter
from tests.simulator.client import NOON


class Bench:
    """Names of attributes and methods are the Blue Book's."""

    def __init__(self, equipment: Equipment | None = None, t: float = NOON) -> None:
        self.meter = VirtualMeter(0, 1, equipment)
        self.t = t

    def _address(self, code: str) -> tuple[int, Obis]:
        obis = Obis.parse(code)
        return INSTANCES[obis.raw].class_id, obis

    def attribute(self, code: str, name: str = "value") -> AttributeDescriptor:
        class_id, obis = self._address(code)
        index = classes.attribute(class_id, name)
        assert index is not None, name
        return AttributeDescriptor(class_id, obis, index)

    def read(self, code: str, name: str = "value", access: Any = None) -> Any:
        return self.meter.read(self.attribute(code, name), self.t, access)

    def value(self, code: str, name: str = "value") -> Any:
        return self.read(code, name).value

    def write(self, code: str, name: str, value: Data) -> DataAccessResult:
        return self.meter.write(self.attribute(code, name), self.t, value)

    def invoke(self, code: str, name: str, parameters: Data | None = None) -> ActionResult:
        class_id, obis = self._address(code)
        index = classes.method(class_id, name)
        assert index is not None, name
        return self.meter.invoke(MethodDescriptor(class_id, obis, index), self.t, parameters).result
