"""Which MQTT version to try next.

Version 5 is wanted: only there an acknowledgement can say no. A broker that refuses it
in words gets 3.1.1 from then on. A broker that just closes says less, because a
port-forwarder before a starting broker does the same; so a silent close counts only
when 3.1.1 was accepted between two of them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Version: TypeAlias = Literal[5, 311]


class VersionChoice:
    """What the connections of one sink have learnt about their broker."""

    def __init__(self, protocol: Literal["auto", 5, 311]) -> None:
        self._auto = protocol == "auto"
        self.next: Version = 311 if protocol == 311 else 5
        self._doubted = False  # 3.1.1 is tried because 5 was closed without a word
        self._vouched = False  # 3.1.1 was accepted after such a close

    def accepted(self, version: Version) -> bool:
        """A CONNACK said yes; False asks to leave again, to see if 5 works after all."""
        if version == 5:
            self._doubted = self._vouched = False
            return True
        if not self._doubted:
            return True
        self._doubted, self._vouched, self.next = False, True, 5
        return False

    def refused(self, version: Version) -> None:
        """The broker refused the version in words."""
        if self._auto:
            self._doubted = False
            self.next = 311 if version == 5 else 5

    def closed(self, version: Version) -> None:
        """The connection ended between CONNECT and CONNACK, without a word."""
        if not self._auto or version != self.next:
            return
        if version == 5:
            self.next, self._doubted = 311, not self._vouched
        elif self._doubted:
            self.next, self._doubted = 5, False
