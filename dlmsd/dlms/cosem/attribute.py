"""Which attribute of which object: the address of every read."""

from __future__ import annotations

from attrs import field, frozen

from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DecodeError


@frozen
class AttributeDescriptor:
    """Cosem-Attribute-Descriptor (IEC 62056-53): class-id, instance-id, attribute-id."""

    class_id: int
    obis: Obis
    attribute: int
    encoded: bytes = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        # A descriptor is sent in every cycle of a meter's life, so it is encoded once.
        encoded = (
            self.class_id.to_bytes(2, "big")
            + self.obis.raw
            + self.attribute.to_bytes(1, "big", signed=self.attribute < 0)
        )
        object.__setattr__(self, "encoded", encoded)

    @classmethod
    def decode(cls, buffer: bytes, offset: int = 0) -> tuple[AttributeDescriptor, int]:
        """Nine bytes from ``offset``, and the offset behind them; DecodeError if they end early."""
        end = offset + 9
        if end > len(buffer):
            raise DecodeError(f"a descriptor is cut short at byte {len(buffer)}")
        class_id = int.from_bytes(buffer[offset : offset + 2], "big")
        obis = Obis(bytes(buffer[offset + 2 : offset + 8]))
        attribute = int.from_bytes(buffer[end - 1 : end], "big", signed=True)
        return cls(class_id, obis, attribute), end

    def __str__(self) -> str:
        return f"{self.class_id}/{self.obis}/{self.attribute}"
