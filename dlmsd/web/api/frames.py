"""What passes between us and a meter, each frame and APDU with its meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from dlmsd.dlms.describe.apdu import describe_apdu
from dlmsd.dlms.describe.node import Node
from dlmsd.dlms.describe.octets import describe_frames
from dlmsd.web.text import clean

# One cycle of a hundred single requests over HDLC; of more the first ones tell enough.
MOST: Final = 400


@frozen
class Passed:
    """A frame (``octets`` in hex digits) or an APDU (None), ``sent`` or ``received``.

    ``seconds`` are since the beginning; ``meaning`` is indented text. Passwords are stars.
    """

    seconds: float
    direction: str
    octets: str | None
    meaning: str


class Frames:
    """Takes frames and APDUs as they pass, and keeps the first ``MOST``."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.passed: list[Passed] = []
        self._seconds = seconds
        self._began = seconds()

    def frame(self, direction: str, octets: bytes) -> None:
        """A frame on the wire, in which passwords are stars already."""
        self._keep(direction, octets.hex(" "), describe_frames(octets))

    def apdu(self, direction: str, apdu: bytes, plain: bytes | None) -> None:
        """An APDU, and what is in it if that was opened."""
        self._keep(direction, None, [describe_apdu(apdu, plain)])

    def _keep(self, direction: str, octets: str | None, nodes: list[Node]) -> None:
        if len(self.passed) < MOST:
            meaning = "\n".join(line for node in nodes for line in node.lines())
            at = round(self._seconds() - self._began, 4)
            self.passed.append(Passed(at, direction, octets, clean(meaning)))
