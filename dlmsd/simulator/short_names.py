"""Short names at the meter's end: READ, WRITE, UnconfirmedWrite (IEC 62056-53 clause 8.4).

What has a name is an attribute or a method: to read a method's name, or to write it, is to
invoke it. Attribute 2 of Association SN lists the base names of all objects, attribute 3 the
rights to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final, TypeAlias

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.short_names import (
    ACCESS_RIGHTS_SN,
    ASSOCIATION_SN,
    ASSOCIATION_SN_BASE,
    CURRENT_ASSOCIATION_SN,
    METHOD_OFFSETS,
    OBJECT_LIST_SN,
    STEP,
)
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.apdu import Apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.dlms.xdlms.service_error import ConfirmedService, ConfirmedServiceError, ServiceFault
from dlmsd.dlms.xdlms.short_name import (
    BlockNumber,
    BlockNumberAccess,
    DataBlockResult,
    InformationReport,
    ReadDataBlockAccess,
    ReadRequest,
    ReadResponse,
    ReadResult,
    UnconfirmedWriteRequest,
    VariableAccess,
    VariableName,
    WriteDataBlockAccess,
    WriteRequest,
    WriteResponse,
    WriteResult,
)
from dlmsd.errors import DecodeError
from dlmsd.simulator.answer import SILENCE, Answer, Answered, Result
from dlmsd.simulator.blocks import LongAnswer, LongRequest, Progress
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.terms import Named, Terms

_Target: TypeAlias = AttributeDescriptor | MethodDescriptor

_READ_WHY: Final = {
    Progress.WRONG_NUMBER: DataAccessResult.DATA_BLOCK_NUMBER_INVALID,
    Progress.ABORTED: DataAccessResult.LONG_GET_ABORTED,
    Progress.NOTHING: DataAccessResult.NO_LONG_GET_IN_PROGRESS,
}
_WRITE_WHY: Final = {
    Progress.WRONG_NUMBER: DataAccessResult.DATA_BLOCK_NUMBER_INVALID,
    Progress.ABORTED: DataAccessResult.LONG_SET_ABORTED,
    Progress.NOTHING: DataAccessResult.NO_LONG_SET_IN_PROGRESS,
}
# Tag, a count of one, choice, last-block, block number, and a length of three octets.
_BLOCK_HEAD: Final = 9
_NAMES: Final = 0x1_0000
_SIGN: Final = 0x8000


class ShortNameServices:
    """By short names, on these terms. Requests bear no invoke-id, and come one at a time."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._read_request: LongRequest[type[ReadRequest]] = LongRequest()
        self._write_request: LongRequest[type[WriteRequest]] = LongRequest()
        self._long: LongAnswer | None = None

    def answer(self, request: Apdu | None) -> Answer:
        """The response to a request, None for one that cannot be understood."""
        match request:
            case ReadRequest() if self._offers(Conformance.READ, request.variables):
                self._write_request.abort()
                return self._read(request.variables)
            case WriteRequest() if self._offers(Conformance.WRITE, request.variables):
                self._read_request.abort()
                return self._write(request)
            case UnconfirmedWriteRequest() if self._offers(
                Conformance.UNCONFIRMED_WRITE, request.variables
            ):
                self._written(request)
                return SILENCE
        service = ConfirmedService.READ if _is_read(request) else ConfirmedService.WRITE
        return Answer(ConfirmedServiceError(service, ServiceFault.SERVICE_UNSUPPORTED).encode())

    def _offers(self, service: Conformance, variables: tuple[VariableAccess, ...]) -> bool:
        return self._terms.offers(service) and (len(variables) < 2 or self._terms.lists)

    def report(
        self, attributes: Sequence[AttributeDescriptor], *, confirmed: bool
    ) -> Iterator[Answer]:
        """Values that nobody asked for: one InformationReport of those that can be read."""
        names = {target: name for name, target in self._targets.items()}
        found = [(one, self._terms.read(one)) for one in attributes if one in names]
        told = [(one, value) for one, value in found if isinstance(value, Data)]
        if told:
            variables = tuple(VariableName(names[one]) for one, _ in told)
            report = InformationReport(None, variables, tuple(value for _, value in told))
            yield Answer(report.encode(), tuple(told))

    # READ.

    def _read(self, variables: tuple[VariableAccess, ...]) -> Answer:
        match variables:
            case (BlockNumberAccess(block_number=number),):
                return self._next(number)
            case (ReadDataBlockAccess() as access,):
                return self._read_block(DataBlock(access.last, access.block_number, access.raw))
        results: list[ReadResult] = []
        answered: list[Answered] = []
        for variable in variables:
            target, result = self._read_one(variable)
            results.append(result)
            if isinstance(target, AttributeDescriptor):
                answered.append((target, result))
        return self._fit(ReadResponse(tuple(results)).encode(), tuple(answered))

    def _read_one(self, variable: VariableAccess) -> tuple[_Target | None, Result]:
        if not isinstance(variable, VariableName):
            return None, DataAccessResult.TYPE_UNMATCHED
        target = self._targets.get(variable.name)
        if isinstance(target, MethodDescriptor):
            parameters = None if variable.access is None else variable.access[1]
            return target, _returned(self._terms.invoke(target, parameters))
        if target == OBJECT_LIST_SN:
            return target, literal.array(*map(_entry, self._named()))
        if target is None:
            return None, DataAccessResult.OBJECT_UNDEFINED
        if target == ACCESS_RIGHTS_SN:
            return target, literal.array(*map(_rights, self._named()))
        if target.class_id == ASSOCIATION_SN:
            return target, literal.octets(target.obis.raw)
        return target, self._terms.read(target, variable.access)

    def _fit(self, whole: bytes, answered: tuple[Answered, ...]) -> Answer:
        """The response in one piece, or the first block of what is behind its tag."""
        self._long = None
        if self._terms.fits(whole):
            return Answer(whole, answered)
        if not self._terms.offers(Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ):
            error = ConfirmedServiceError(ConfirmedService.READ, ServiceFault.PDU_SIZE)
            return Answer(error.encode())
        self._long = LongAnswer(0, whole, 1, self._terms.limit - _BLOCK_HEAD, answered)
        return self._block(self._long)

    def _next(self, number: int) -> Answer:
        long = self._long
        if long is not None and number == long.number:
            return self._block(long)
        self._long = None
        return _read_refused(
            DataAccessResult.NO_LONG_GET_IN_PROGRESS
            if long is None
            else DataAccessResult.DATA_BLOCK_NUMBER_INVALID
        )

    def _block(self, long: LongAnswer) -> Answer:
        block = long.next()
        if block.last:
            self._long = None
        result = DataBlockResult(block.last, block.number, block.raw)
        return Answer(ReadResponse((result,)).encode(), long.results if block.last else ())

    def _read_block(self, block: DataBlock) -> Answer:
        """A block of a request that is itself too long."""
        long = self._read_request
        progress = long.begin(ReadRequest, 0, block) if block.number == 1 else long.take(0, block)
        if progress is Progress.MORE:
            return Answer(ReadResponse((BlockNumber(block.number),)).encode())
        if progress is not Progress.WHOLE:
            return _read_refused(_READ_WHY[progress])
        octets = long.octets
        long.end()
        try:
            request = ReadRequest.decode(bytes((ReadRequest.TAG,)) + octets)
        except DecodeError:
            return _read_refused(DataAccessResult.TYPE_UNMATCHED)
        return (
            self.answer(request)
            if _whole(request.variables)
            else _read_refused(DataAccessResult.TYPE_UNMATCHED)
        )

    # WRITE.

    def _write(self, request: WriteRequest) -> Answer:
        match request.variables, request.values:
            case (WriteDataBlockAccess() as access,), (Data(value=bytes(raw)),):
                return self._write_block(DataBlock(access.last, access.block_number, raw))
        return Answer(WriteResponse(self._written(request)).encode())

    def _write_block(self, block: DataBlock) -> Answer:
        long = self._write_request
        progress = long.begin(WriteRequest, 0, block) if block.number == 1 else long.take(0, block)
        if progress is Progress.MORE:
            return Answer(WriteResponse((BlockNumber(block.number),)).encode())
        if progress is not Progress.WHOLE:
            return _write_refused(_WRITE_WHY[progress])
        octets = long.octets
        long.end()
        try:
            request = WriteRequest.decode(bytes((WriteRequest.TAG,)) + octets)
        except DecodeError:
            return _write_refused(DataAccessResult.TYPE_UNMATCHED)
        return (
            self.answer(request)
            if _whole(request.variables)
            else _write_refused(DataAccessResult.TYPE_UNMATCHED)
        )

    def _written(self, request: WriteRequest | UnconfirmedWriteRequest) -> tuple[WriteResult, ...]:
        return tuple(map(self._write_one, request.variables, request.values))

    def _write_one(self, variable: VariableAccess, value: Data) -> DataAccessResult:
        if not isinstance(variable, VariableName):
            return DataAccessResult.TYPE_UNMATCHED
        target = self._targets.get(variable.name)
        if target is None:
            return DataAccessResult.OBJECT_UNDEFINED
        if isinstance(target, MethodDescriptor):
            return DataAccessResult(self._terms.invoke(target, value).result)
        if target.class_id == ASSOCIATION_SN:
            return DataAccessResult.READ_WRITE_DENIED
        return self._terms.write(target, value, variable.access)

    # Names.

    def _named(self) -> Iterator[Named]:
        # Version 2 has security_setup_reference too, which this meter keeps to itself.
        yield Named(ASSOCIATION_SN_BASE, ASSOCIATION_SN, 2, CURRENT_ASSOCIATION_SN, (1, 2, 3), ())
        yield from self._terms.objects.named(self._terms.client)

    @cached_property
    def _targets(self) -> dict[int, _Target]:
        """What each name means."""
        targets: dict[int, _Target] = {}
        for one in self._named():
            for index in one.attributes:
                name = (one.base + STEP * (index - 1)) % _NAMES
                targets[name] = AttributeDescriptor(one.class_id, one.obis, index)
            for index in one.methods:
                name = (one.base + METHOD_OFFSETS[one.class_id] + STEP * (index - 1)) % _NAMES
                targets[name] = MethodDescriptor(one.class_id, one.obis, index)
        return targets


def _base_name(one: Named) -> Data:
    """It is a signed long."""
    return literal.long((one.base ^ _SIGN) - _SIGN)


def _rights(one: Named) -> Data:
    """access_rights_element."""
    return literal.structure(_base_name(one), *one.rights())


def _entry(one: Named) -> Data:
    """object_list_element."""
    return literal.structure(
        _base_name(one),
        literal.long_unsigned(one.class_id),
        literal.unsigned(one.version),
        literal.octets(one.obis.raw),
    )


def _returned(answer: ActionAnswer) -> Result:
    if answer.result:
        return DataAccessResult(answer.result)
    return Data(Tag.NULL_DATA, None) if answer.data is None else answer.data


def _whole(variables: tuple[VariableAccess, ...]) -> bool:
    """Whether a request that came in blocks is none of blocks again."""
    return all(isinstance(one, VariableName) for one in variables)


def _is_read(request: Apdu | None) -> bool:
    return not isinstance(request, WriteRequest | UnconfirmedWriteRequest)


def _read_refused(why: DataAccessResult) -> Answer:
    return Answer(ReadResponse((why,)).encode())


def _write_refused(why: DataAccessResult) -> Answer:
    return Answer(WriteResponse((why,)).encode())
