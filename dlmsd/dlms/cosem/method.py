"""Which method of which object: the address of every action."""

from __future__ import annotations

from attrs import frozen

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis


@frozen
class MethodDescriptor:
    """Cosem-Method-Descriptor (IEC 62056-53): class-id, instance-id, method-id."""

    class_id: int
    obis: Obis
    method: int

    @property
    def encoded(self) -> bytes:
        """Nine bytes, laid out as those of an attribute descriptor."""
        return AttributeDescriptor(self.class_id, self.obis, self.method).encoded

    @classmethod
    def decode(cls, buffer: bytes, offset: int = 0) -> tuple[MethodDescriptor, int]:
        """Nine bytes from ``offset``, and the offset behind them; DecodeError if they end early."""
        same, end = AttributeDescriptor.decode(buffer, offset)
        return cls(same.class_id, same.obis, same.attribute), end

    def __str__(self) -> str:
        return f"{self.class_id}/{self.obis}/method {self.method}"
