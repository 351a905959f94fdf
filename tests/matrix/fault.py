"""What a fault is: one column of the matrix."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from attrs import frozen

from dlmsd.errors import DlmsdError, RefusedError, UnsteadyError
from tests.matrix.state import State


class Level(enum.Enum):
    """What a fault spoils."""

    LINE = "the connection, from then on"
    FRAME = "the octets of one frame"
    APDU = "the APDU, before the meter protects it"
    SEALED = "the APDU as it travels"


@frozen
class Fault:
    """Number and words are those of the sheet of failure modes.

    ``act`` gets the wire and what the meter wanted to say. Of FRAME it returns the steps
    that take its place, of APDU and SEALED the APDUs (None if it is said all the same), of
    LINE what undoes it. One that is ``lasting`` strikes in every state that follows on its
    connection. ``errors`` are those by which the status may call it, and where it is
    ``certain`` one of them must be told when it lasts. Where it meets an opening it may be
    called a refusal in the states ``refused`` too. One that is ``belated`` brings what the meter
    said earlier.
    """

    number: int
    words: str
    level: Level
    act: Callable[[Any, bytes], Any]
    errors: tuple[type[DlmsdError], ...]
    certain: frozenset[State] = frozenset()
    lasting: bool = False
    refused: frozenset[State] = frozenset({State.S4})
    belated: bool = False

    def called(self, kind: type[DlmsdError], state: State) -> bool:
        """Whether this error is a right name for it; to call it a refusal costs 15 minutes.

        A meter whose answer to our proof is none has not proved itself, whatever it meant. The
        breaker's error tells the last one in its words, which was told before.
        """
        if kind is UnsteadyError:
            return True
        if issubclass(kind, RefusedError):
            return RefusedError in self.errors or state in self.refused
        return issubclass(kind, self.errors)
