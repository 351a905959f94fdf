"""A virtual meter: COSEM objects (Blue Book clause 4) whose values follow from the wall time."""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.security.suite import SYSTEM_TITLE_SIZE
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.get import Access
from dlmsd.simulator.answer import Result
from dlmsd.simulator.cosem.instance import Instance, Keepsakes
from dlmsd.simulator.cosem.registry import INSTANCES
from dlmsd.simulator.curves import Curves
from dlmsd.simulator.equipment import Equipment
from dlmsd.simulator.place import Place
from dlmsd.simulator.supply import Supply

MANUFACTURER: Final = b"DLS"


class VirtualMeter:
    """What meter ``index`` (from 1) of a simulation with this ``seed`` holds.

    The same seed, index and time always give the same value, but for what was written or
    invoked: ``kept`` has it for as long as the meter lives. ``t`` is Unix seconds.
    """

    __slots__ = (
        "device_name",
        "equipment",
        "index",
        "kept",
        "place",
        "seed",
        "serial",
        "supply",
        "system_title",
    )

    def __init__(
        self,
        seed: int,
        index: int,
        equipment: Equipment | None = None,
        place: Place | None = None,
    ) -> None:
        self.seed: int = seed
        self.index: int = index
        self.equipment: Equipment = equipment or Equipment()
        self.place: Place = place or Place()
        self.supply: Supply = Supply(Curves.of(seed, index))
        self.serial: bytes = f"{index:08d}".encode()
        self.system_title = MANUFACTURER + self.serial[len(MANUFACTURER) - SYSTEM_TITLE_SIZE :]
        self.device_name: bytes = b"DVM" + self.serial.zfill(13)
        self.kept: Keepsakes = {}

    def find(self, class_id: int, obis: Obis) -> Instance | DataAccessResult:
        """An object, or why there is none."""
        found = INSTANCES.get(obis.raw)
        if found is None:
            return DataAccessResult.OBJECT_UNDEFINED
        if found.class_id != class_id:
            return DataAccessResult.OBJECT_CLASS_INCONSISTENT
        return found

    def read(
        self, attribute: AttributeDescriptor, t: float, access: Access | None = None
    ) -> Result:
        """The attribute, or what ``access`` selects of it; else why it cannot be read."""
        found = self.find(attribute.class_id, attribute.obis)
        if isinstance(found, DataAccessResult):
            return found
        return found.read(self, t, attribute.attribute, access)

    def write(self, attribute: AttributeDescriptor, t: float, value: Data) -> DataAccessResult:
        """Write the attribute; else why it cannot be written."""
        found = self.find(attribute.class_id, attribute.obis)
        if isinstance(found, DataAccessResult):
            return found
        return found.write(self, t, attribute.attribute, value)

    def invoke(self, method: MethodDescriptor, t: float, parameters: Data | None) -> ActionAnswer:
        """Carry out the method; else why it cannot be."""
        found = self.find(method.class_id, method.obis)
        if isinstance(found, DataAccessResult):
            return ActionAnswer(ActionResult(found))
        return found.invoke(self, t, method.method, parameters)
