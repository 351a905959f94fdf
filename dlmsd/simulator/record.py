"""What the virtual meters answered, so that every reading can be compared with its origin.

One entry for each response that carries attribute values, scalers included; a response in
blocks is recorded with its last block, one that is sent again once more. As JSON:
``{"t": 1767225600.25, "meter": "virtual-001", "results": [["1-1:32.7.0", 2, "2301"],
["1-1:99.9.9", 2, null]]}``. ``t`` is the wall time in Unix seconds at which the last octet
of the answer was given to the transport.

And one for each attribute that a client wrote and each method that it invoked, allowed or
not, at the time when the meter did it: ``"results": [], "writes": [["0-0:1.0.0", 2,
"07ea...", "success"]]``, or ``"actions"`` with the same columns, in which the number is
the method's and the value that of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Final, TypeAlias

import msgspec
from attrs import frozen

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.dlms.xdlms.get import Access
from dlmsd.errors import LocalError
from dlmsd.simulator.answer import Answered, Result
from dlmsd.simulator.personality import Client
from dlmsd.simulator.terms import CosemObjects, Named

Deed: TypeAlias = tuple[str, int, str | None, str]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer. ``results`` holds OBIS code, attribute and raw value of each item.

    Or one write or action: OBIS code, attribute or method, raw value, what became of it.
    """

    t: float
    meter: str
    results: tuple[tuple[str, int, str | None], ...]
    writes: tuple[Deed, ...] = ()
    actions: tuple[Deed, ...] = ()


Record: TypeAlias = Callable[[Entry], None]

_ENCODER: Final = msgspec.json.Encoder()


def entry(t: float, meter: str, answered: tuple[Answered, ...]) -> Entry:
    """The entry of one answer; what could not be read has the raw value None."""
    return Entry(
        t,
        meter,
        tuple(
            (str(attribute.obis), attribute.attribute, _raw(result))
            for attribute, result in answered
        ),
    )


def _raw(result: object) -> str | None:
    """Numbers in decimal, octets in hex, structures as a list: ``[-1, 35]``."""
    if not isinstance(result, Data):
        return None
    value = result.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return "[" + ", ".join(str(_raw(item)) for item in value) + "]"
    return str(value)


@frozen
class Recorded:
    """``objects`` of one meter, whose writes and actions go into ``record``."""

    objects: CosemObjects
    meter: str
    wall: Callable[[], float]
    record: Record

    def read(
        self, client: Client, attribute: AttributeDescriptor, access: Access | None = None
    ) -> Result:
        """As it is: what is read is recorded when it is sent."""
        return self.objects.read(client, attribute, access)

    def write(
        self,
        client: Client,
        attribute: AttributeDescriptor,
        value: Data,
        access: Access | None = None,
    ) -> DataAccessResult:
        """Write, and record it."""
        result = self.objects.write(client, attribute, value, access)
        deed = str(attribute.obis), attribute.attribute, _raw(value), result.standard_name
        self.record(Entry(self.wall(), self.meter, (), writes=(deed,)))
        return result

    def invoke(
        self, client: Client, method: MethodDescriptor, parameters: Data | None
    ) -> ActionAnswer:
        """Invoke, and record it."""
        answer = self.objects.invoke(client, method, parameters)
        deed = str(method.obis), method.method, _raw(parameters), answer.result.standard_name
        self.record(Entry(self.wall(), self.meter, (), actions=(deed,)))
        return answer

    def named(self, client: Client) -> Iterable[Named]:
        """As they are."""
        return self.objects.named(client)


class RecordFile:
    """A Record that appends to a file of JSON lines, flushed line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        """Begin; OSError when the file cannot be written."""
        self._file = self._path.open("ab")

    def close(self) -> None:
        """End."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __call__(self, answer: Entry) -> None:
        if self._file is None:
            raise LocalError(f"{self._path} is not open")
        self._file.write(_ENCODER.encode(answer) + b"\n")
        self._file.flush()
