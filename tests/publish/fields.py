"""The fields of an MQTT packet, read from its left."""

from __future__ import annotations

from attrs import define


@define
class Fields:
    """``rest`` is what was not read yet."""

    rest: bytes

    def take(self, count: int) -> bytes:
        assert len(self.rest) >= count, "packet cut short"
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def word(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def binary(self) -> bytes:
        return self.take(self.word())

    def text(self) -> str:
        return self.binary().decode()

    def properties(self) -> bytes:
        length = self.byte()
        assert length < 128
        return self.take(length)
