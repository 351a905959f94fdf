"""The client's end of an association by short names.

Whoever uses it asks by logical names all the same. The names of the objects are the
meter's to tell: until :attr:`AssociationSN.names` has them, only the association itself can
be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from dlmsd.dlms.acse.context import ApplicationContext
from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.exchange.read import ReadExchange
from dlmsd.dlms.exchange.write import WriteExchange
from dlmsd.dlms.outcome import AssociationEvent
from dlmsd.dlms.reply import Reply, ReplyByRead
from dlmsd.dlms.xdlms.access import AccessSpecification
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import Access
from dlmsd.dlms.xdlms.short_name import WriteRequest
from dlmsd.errors import ServiceError

READING_SN: Final = (
    Conformance.READ
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.PARAMETERIZED_ACCESS
)
"""What is proposed by who only reads."""

WRITING_SN: Final = READING_SN | Conformance.WRITE | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
"""What is proposed by who may write and invoke too."""

# Writing a method's name invokes it; without parameters a zero is written.
_NO_PARAMETERS: Final = Data(Tag.INTEGER, 0)


class AssociationSN(Association):
    """An association by short names; ``names`` are those that the meter has told."""

    REFERENCING: ClassVar = (ApplicationContext.SN, ApplicationContext.SN_CIPHERED)
    REPLY: ClassVar[Reply] = ReplyByRead()
    LEAST: ClassVar = Conformance.READ

    def __init__(self, *given: Any, names: ShortNames | None = None, **more: Any) -> None:
        super().__init__(*given, **more)
        self.names = ShortNames() if names is None else names

    @property
    def named(self) -> bool:
        """Whether the meter's names are known."""
        return len(self.names) > 1

    def get(
        self,
        attributes: Sequence[AttributeDescriptor],
        accesses: Sequence[Access | None] = (),
        *,
        stream: bool = False,
    ) -> list[AssociationEvent]:
        """Read one attribute, or several in one request; results as of GET."""
        names = [self.names.attribute(attribute) for attribute in attributes]
        return self._unless_nothing(ReadExchange(names, accesses, stream=stream), attributes)

    def set(
        self,
        attributes: Sequence[AttributeDescriptor],
        values: Sequence[Data],
        accesses: Sequence[Access | None] = (),
    ) -> list[AssociationEvent]:
        """Write one attribute, or several in one request; results as of SET."""
        names = [self.names.attribute(attribute) for attribute in attributes]
        limit = self._capacity.whole(WriteRequest.TAG)
        exchange = WriteExchange(names, values, accesses, limit=limit)
        return self._unless_nothing(exchange, attributes)

    def action(
        self, methods: Sequence[MethodDescriptor], parameters: Sequence[Data | None]
    ) -> list[AssociationEvent]:
        """Invoke one method, or several in one request; results as of ACTION, without data."""
        names = [self.names.method(method) for method in methods]
        values = [each or _NO_PARAMETERS for each in parameters]
        limit = self._capacity.whole(WriteRequest.TAG)
        exchange = WriteExchange(names, values, limit=limit, told=_invoked)
        return self._unless_nothing(exchange, methods)

    def access(
        self,
        items: Sequence[AccessSpecification],
        values: Sequence[Data | None],
        *,
        break_on_error: bool = False,
    ) -> list[AssociationEvent]:
        """ServiceError: the service knows no short names."""
        raise ServiceError("ACCESS is a service of logical names")

    def _unless_nothing(
        self, exchange: ReadExchange | WriteExchange, asked: Sequence[object]
    ) -> list[AssociationEvent]:
        """The request, unless the meter has no object of all that is asked for."""
        return [exchange.nothing] if asked and exchange.nothing else self._begin(exchange, asked)


def _invoked(result: DataAccessResult) -> ActionAnswer:
    return ActionAnswer(ActionResult(result))
