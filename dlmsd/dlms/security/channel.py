"""One key in use: its cipher, and the counters received under it."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from dlmsd.dlms.security.counter import CounterName, ReceivedCounters, key_id
from dlmsd.dlms.security.gcm import Gcm
from dlmsd.dlms.security.suite import SecurityControl, SecuritySuite
from dlmsd.secret import Secret

# Messages without a tag count apart: they prove nothing, and must not block what has one.
_UNTAGGED: Final = "-untagged"


@frozen
class Proof:
    """A counter to remember as soon as all of its message is good."""

    received: ReceivedCounters
    name: CounterName
    counter: int

    def accept(self) -> None:
        """Remember it."""
        self.received.accept(self.name, self.counter)


@frozen
class Channel:
    """``key`` is the key's :func:`~dlmsd.dlms.security.counter.key_id`."""

    gcm: Gcm
    key: str
    received: ReceivedCounters

    @classmethod
    def of(
        cls,
        suite: SecuritySuite,
        key: Secret,
        authentication: Secret | None,
        received: ReceivedCounters,
    ) -> Channel:
        """The channel of a key; KeyLengthError if one is none of the suite."""
        return cls(Gcm(suite, key, authentication), key_id(key), received)

    def open(
        self,
        control: SecurityControl,
        title: bytes,
        counter: int,
        content: bytes,
        header: bytes = b"",
    ) -> tuple[bytes, Proof]:
        """The plain text, and what to remember of it; CounterError or TagError."""
        name = CounterName(title, self.key)
        self.received.check(name, counter)
        if not control.authenticated:
            name = CounterName(title, self.key + _UNTAGGED)
            self.received.check(name, counter)
        plain = self.gcm.open(control, title, counter, content, header)
        return plain, Proof(self.received, name, counter)
