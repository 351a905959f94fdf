"""What a COSEM object is to a virtual meter: attributes and methods as data.

Objects are shared by all meters; what differs from meter to meter is :class:`Kept`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from attrs import frozen

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem import classes
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.get import Access
from dlmsd.simulator.answer import Result
from dlmsd.simulator.cosem.literal import NULL
from dlmsd.simulator.cosem.shape import TRIGGER, Shape

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

T = TypeVar("T")

# ``float`` is the wall time in Unix seconds.
Reading: TypeAlias = "Callable[[VirtualMeter, float], Result]"
Writing: TypeAlias = "Callable[[VirtualMeter, float, Data], DataAccessResult]"
Selecting: TypeAlias = "Callable[[VirtualMeter, float, Access], Result]"
Invoking: TypeAlias = "Callable[[VirtualMeter, float, Data], ActionResult | ActionAnswer]"


class Kept(Generic[T]):
    """What each meter has one of and remembers; ``first`` makes it when it is first asked
    for.
    """

    def __init__(self, first: Callable[[VirtualMeter], T]) -> None:
        self._first = first

    def of(self, meter: VirtualMeter) -> T:
        """This meter's."""
        if self not in meter.kept:
            meter.kept[self] = self._first(meter)
        found: T = meter.kept[self]
        return found

    def put(self, meter: VirtualMeter, value: T) -> None:
        """From now on it is ``value``."""
        meter.kept[self] = value


@frozen
class Attribute:
    """``write`` gets what has the ``shape``; ``select`` gets one of ``selectors``.

    Without ``read`` it is write-only.
    """

    read: Reading | None
    write: Writing | None = None
    shape: Shape | None = None
    select: Selecting | None = None
    selectors: Callable[[VirtualMeter], tuple[int, ...]] = lambda meter: ()


@frozen
class Method:
    """``invoke`` gets parameters of the ``shape``, null-data for none."""

    invoke: Invoking
    shape: Shape = TRIGGER


def constant(value: Data) -> Attribute:
    """An attribute that is always the same."""
    return Attribute(lambda meter, t: value)


def kept(held: Kept[Data], shape: Shape | None = None) -> Attribute:
    """An attribute that is kept, and with ``shape`` may be written."""

    def write(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
        held.put(meter, value)
        return DataAccessResult.SUCCESS

    return Attribute(lambda meter, t: held.of(meter), write if shape else None, shape)


def writable(first: Data, shape: Shape) -> Attribute:
    """An attribute that is ``first`` until it is written."""
    return kept(Kept(lambda meter: first), shape)


@frozen
class Instance:
    """One object; its attributes and methods by index."""

    class_id: int
    obis: Obis
    attributes: Mapping[int, Attribute]
    methods: Mapping[int, Method]
    version: int = 0

    @classmethod
    def of(
        cls,
        class_id: int,
        obis: Obis | str,
        attributes: Mapping[str, Attribute],
        methods: Mapping[str, Method] = {},
        *,
        version: int = 0,
    ) -> Instance:
        """By the Blue Book's names; logical_name need not be given."""
        obis = Obis.parse(obis) if isinstance(obis, str) else obis
        name = constant(Data(Tag.OCTET_STRING, obis.raw))
        known = classes.CLASSES[class_id]
        by_name = {text: index for index, text in known.attributes.items()}
        methods_by_name = {text: index for index, text in known.methods.items()}
        numbered = {by_name[text]: each for text, each in attributes.items()}
        return cls(
            class_id,
            obis,
            dict(sorted({1: name, **numbered}.items())),
            dict(sorted((methods_by_name[text], each) for text, each in methods.items())),
            version,
        )

    def read(self, meter: VirtualMeter, t: float, index: int, access: Access | None) -> Result:
        """An attribute at Unix seconds ``t``, or what ``access`` selects of it."""
        attribute = self.attributes.get(index)
        if attribute is None or attribute.read is None:
            return DataAccessResult.READ_WRITE_DENIED
        if access is None:
            return attribute.read(meter, t)
        if attribute.select is None or access[0] not in attribute.selectors(meter):
            return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return attribute.select(meter, t, access)

    def write(self, meter: VirtualMeter, t: float, index: int, value: Data) -> DataAccessResult:
        """Write an attribute."""
        attribute = self.attributes.get(index)
        if attribute is None or attribute.write is None:
            return DataAccessResult.READ_WRITE_DENIED
        if attribute.shape is not None and not attribute.shape(value):
            return DataAccessResult.TYPE_UNMATCHED
        return attribute.write(meter, t, value)

    def invoke(
        self, meter: VirtualMeter, t: float, index: int, parameters: Data | None
    ) -> ActionAnswer:
        """Carry out a method."""
        method = self.methods.get(index)
        if method is None:
            return ActionAnswer(ActionResult.READ_WRITE_DENIED)
        given = NULL if parameters is None else parameters
        if not method.shape(given):
            return ActionAnswer(ActionResult.TYPE_UNMATCHED)
        done = method.invoke(meter, t, given)
        return done if isinstance(done, ActionAnswer) else ActionAnswer(done)


Keepsakes: TypeAlias = "dict[Kept[Any], Any]"
