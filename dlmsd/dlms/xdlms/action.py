"""ACTION: the service that invokes methods (IEC 62056-53 clause 8.5).

Parameters or answers that are too long for one APDU go in blocks. Joined, the blocks of a
request are the encoded parameters, or with a list what
:func:`dlmsd.dlms.xdlms.parts.encode_values` gives; those of a response are what
:func:`decode_answer` reads, or with a list :func:`decode_answers`.

Meters shorten their responses, in ways that leave no doubt, and these are accepted:

* nothing behind the result: no return parameters
* the presence of return parameters said, then Data without its choice: it begins with a
  tag other than 0 and 1, so it is no choice
* in a response-normal, choice and Data without the presence before them: the choice 0 then
  stands for "absent", yet a value other than null-data follows and fills the APDU
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Self

from attrs import frozen

from dlmsd.dlms.axdr.data import Budget, Data, Tag
from dlmsd.dlms.axdr.data import encode as encode_data
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.dlms.xdlms.datablock import BlockApdu, BlockNumberApdu, DataBlock
from dlmsd.dlms.xdlms.get import Result, decode_result, encode_result
from dlmsd.dlms.xdlms.parts import (
    check_counts,
    check_one_each,
    encode_values,
    read_data,
    read_head,
    read_values,
)
from dlmsd.errors import DecodeError

_EMPTY: Final = (Tag.NULL_DATA, Tag.DONT_CARE)


def read_method(cursor: Cursor) -> MethodDescriptor:
    """The method descriptor at the cursor."""
    return MethodDescriptor.decode(cursor.octets(9, "the method descriptor"))[0]


def _read_methods(cursor: Cursor) -> tuple[MethodDescriptor, ...]:
    count = cursor.length("the list of methods")
    return tuple([read_method(cursor) for _ in range(count)])


def _encode_methods(methods: Sequence[MethodDescriptor]) -> bytes:
    return encode_length(len(methods)) + b"".join([method.encoded for method in methods])


@frozen
class ActionRequestNormal:
    """One method, with its parameters if it has any."""

    TAG: ClassVar = 0xC3
    TYPE: ClassVar = 1

    invoke: int
    method: MethodDescriptor
    parameters: Data | None = None

    def encode(self) -> bytes:
        """The APDU."""
        head = b"\xc3\x01%c%b" % (self.invoke, self.method.encoded)
        if self.parameters is None:
            return head + b"\x00"
        return head + b"\x01" + encode_data(self.parameters)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("action-request-normal", apdu, b"\xc3\x01")
        method = read_method(cursor)
        parameters = None
        if cursor.flag("the presence of parameters"):
            parameters = read_data(cursor, Budget(), "the parameters")
        cursor.finish()
        return cls(invoke, method, parameters)


@frozen
class ActionRequestNextPblock(BlockNumberApdu):
    """The block of this number has come; the next of the answer may be sent."""

    NAME: ClassVar = "action-request-next-pblock"
    TAG: ClassVar = 0xC3
    TYPE: ClassVar = 2


@frozen
class ActionRequestWithList:
    """Several methods at once, with parameters for each: null-data where it has none."""

    TAG: ClassVar = 0xC3
    TYPE: ClassVar = 3

    invoke: int
    methods: tuple[MethodDescriptor, ...]
    parameters: tuple[Data, ...]

    def __attrs_post_init__(self) -> None:
        check_one_each(self.parameters, "parameters", self.methods)

    def encode(self) -> bytes:
        """The APDU."""
        head = b"\xc3\x03%c%b" % (self.invoke, _encode_methods(self.methods))
        return head + encode_values(self.parameters)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("action-request-with-list", apdu, b"\xc3\x03")
        methods = _read_methods(cursor)
        parameters = read_values(cursor, Budget())
        cursor.finish()
        check_counts(cursor, parameters, "parameters", len(methods))
        return cls(invoke, methods, parameters)


@frozen
class ActionRequestWithFirstPblock:
    """One method, and the first block of its parameters."""

    TAG: ClassVar = 0xC3
    TYPE: ClassVar = 4

    invoke: int
    method: MethodDescriptor
    block: DataBlock

    def encode(self) -> bytes:
        """The APDU."""
        return b"\xc3\x04%c%b%b" % (self.invoke, self.method.encoded, self.block.encode())

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("action-request-with-first-pblock", apdu, b"\xc3\x04")
        method = read_method(cursor)
        block = DataBlock.read(cursor)
        cursor.finish()
        return cls(invoke, method, block)


@frozen
class ActionRequestWithListAndFirstPblock:
    """Several methods, and the first block of their parameters."""

    TAG: ClassVar = 0xC3
    TYPE: ClassVar = 5

    invoke: int
    methods: tuple[MethodDescriptor, ...]
    block: DataBlock

    def encode(self) -> bytes:
        """The APDU."""
        head = b"\xc3\x05%c%b" % (self.invoke, _encode_methods(self.methods))
        return head + self.block.encode()

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        name = "action-request-with-list-and-first-pblock"
        cursor, invoke = read_head(name, apdu, b"\xc3\x05")
        methods = _read_methods(cursor)
        block = DataBlock.read(cursor)
        cursor.finish()
        return cls(invoke, methods, block)


@frozen
class ActionRequestWithPblock(BlockApdu):
    """A block of parameters after the first."""

    NAME: ClassVar = "action-request-with-pblock"
    TAG: ClassVar = 0xC3
    TYPE: ClassVar = 6


@frozen
class ActionAnswer:
    """Action-Response-With-Optional-Data: the result, and what the method returned."""

    result: ActionResult
    data: Result | None = None

    def encode(self) -> bytes:
        """Its bytes within an APDU, or as blocks carry them."""
        if self.data is None:
            return b"%c\x00" % int(self.result)
        return b"%c\x01%b" % (int(self.result), encode_result(self.data))

    @classmethod
    def read(cls, cursor: Cursor, budget: Budget) -> Self:
        """The answer at the cursor."""
        result = ActionResult(cursor.unsigned(1, "the result"))
        if not cursor.flag("the presence of return parameters"):
            return cls(result)
        return cls(result, _read_returned(cursor, budget))


def _read_returned(cursor: Cursor, budget: Budget) -> Result:
    """Get-Data-Result, with or without its choice."""
    start = cursor.offset
    if cursor.buffer[start : start + 1] > b"\x01":
        return read_data(cursor, budget, "return parameters")
    try:
        returned, cursor.offset = decode_result(cursor.buffer, start, budget)
    except IndexError:
        raise cursor.error("return parameters are cut short") from None
    except DecodeError as error:
        raise DecodeError(f"{cursor.apdu}: return parameters: {error}") from None
    return returned


def encode_answers(answers: Sequence[ActionAnswer]) -> bytes:
    """Count and answers of a list: what blocks carry of an answer to a list."""
    return encode_length(len(answers)) + b"".join([answer.encode() for answer in answers])


def decode_answer(octets: bytes) -> ActionAnswer:
    """From the joined blocks of an answer; DecodeError if they are none."""
    cursor = Cursor("the answer in blocks", octets)
    answer = ActionAnswer.read(cursor, Budget())
    cursor.finish()
    return answer


def decode_answers(octets: bytes) -> tuple[ActionAnswer, ...]:
    """From the joined blocks of an answer to a list; DecodeError if they are none."""
    return _read_answers(Cursor("the answers in blocks", octets))


def _read_answers(cursor: Cursor) -> tuple[ActionAnswer, ...]:
    budget = Budget()
    count = cursor.length("the list of answers")
    answers = tuple([ActionAnswer.read(cursor, budget) for _ in range(count)])
    cursor.finish()
    return answers


@frozen
class ActionResponseNormal:
    """Whether the method was carried out, and what it returned."""

    TAG: ClassVar = 0xC7
    TYPE: ClassVar = 1

    invoke: int
    answer: ActionAnswer

    def encode(self) -> bytes:
        """The APDU."""
        return b"\xc7\x01%c%b" % (self.invoke, self.answer.encode())

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("action-response-normal", apdu, b"\xc7\x01")
        if cursor.end == cursor.offset + 1:
            return cls(invoke, ActionAnswer(ActionResult(apdu[-1])))
        answer = ActionAnswer.read(cursor, Budget())
        if answer.data is None and cursor.buffer[cursor.offset : cursor.offset + 1]:
            answer = ActionAnswer(answer.result, _read_unannounced(cursor))
        cursor.finish()
        return cls(invoke, answer)


def _read_unannounced(cursor: Cursor) -> Data | None:
    """Data behind an answer that has none; None if what is there is no such value."""
    if cursor.buffer[cursor.offset] in _EMPTY:
        return None
    start = cursor.offset
    try:
        data = read_data(cursor, Budget(), "return parameters")
    except DecodeError:
        cursor.offset = start
        return None
    if cursor.offset != cursor.end:
        cursor.offset = start
        return None
    return data


@frozen
class ActionResponseWithPblock(BlockApdu):
    """One block of a long answer."""

    NAME: ClassVar = "action-response-with-pblock"
    TAG: ClassVar = 0xC7
    TYPE: ClassVar = 2


@frozen
class ActionResponseWithList:
    """One answer for each method of the request, in its order."""

    TAG: ClassVar = 0xC7
    TYPE: ClassVar = 3

    invoke: int
    answers: tuple[ActionAnswer, ...]

    def encode(self) -> bytes:
        """The APDU."""
        return b"\xc7\x03%c%b" % (self.invoke, encode_answers(self.answers))

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor, invoke = read_head("action-response-with-list", apdu, b"\xc7\x03")
        return cls(invoke, _read_answers(cursor))


@frozen
class ActionResponseNextPblock(BlockNumberApdu):
    """The block of this number has come; the next of the parameters may be sent."""

    NAME: ClassVar = "action-response-next-pblock"
    TAG: ClassVar = 0xC7
    TYPE: ClassVar = 4
