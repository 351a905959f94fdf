"""What a rule found: of whom, how bad, how sure, and the numbers that show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec
from attrs import field, frozen

from dlmsd.store.diagnostics import RANKS, Severity

Horizon: TypeAlias = Literal["immediate", "short", "long"]
Number: TypeAlias = int | float | str

# What other ends say is shown, not stored as a library.
_QUOTE: Final = 300
_QUOTES: Final = 5
# The names that an alarm of a whole line gives; all are counted.
NAMED: Final = 5
# What grows and lessens is one alarm, by whichever of its rules it is found.
_ONE_ALARM: Final[Mapping[str, str]] = {
    "success-degraded": "success-rate",
    "success-critical": "success-rate",
    "success-down": "success-rate",
}


@frozen
class Finding:
    """In no language: ``rule`` is the key of its texts, ``numbers`` fill them in.

    ``subject`` is a meter, a sink, an address, or what else ``rule`` is about. ``confidence``
    is from 0 to 1. ``quotes`` are sentences of others (an error, a broker's reason).
    ``meters`` are the first of those concerned. Of one that is kept as an alarm ``gone`` says
    that it is not found any more, ``at`` when that or its numbers were written (Unix ms); what
    is true now has none.
    """

    rule: str
    subject: str
    severity: Severity
    confidence: float
    numbers: Mapping[str, Number] = field(factory=dict)
    quotes: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()
    gone: bool = False
    at: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Of two findings with the same key one is news of the other: the alarm's rule, and its
        subject."""
        return _ONE_ALARM.get(self.rule, self.rule), self.subject

    @property
    def rank(self) -> int:
        """Greater is worse."""
        return RANKS[self.severity]

    def encode(self) -> str:
        """As JSON, for an alarm's details."""
        told = msgspec.to_builtins(self)
        del told["at"]
        if not self.gone:
            del told["gone"]
        return msgspec.json.encode(told).decode()

    @classmethod
    def decode(cls, details: str) -> Finding | None:
        """What :meth:`encode` gave; None for anything else."""
        try:
            return msgspec.json.decode(details, type=cls)
        except msgspec.DecodeError:
            return None


def quote(*texts: str) -> tuple[str, ...]:
    """Texts of others, no more and no longer than fit."""
    return tuple(text[:_QUOTE] for text in texts if text)[:_QUOTES]


def named(names: list[str]) -> tuple[str, ...]:
    """The first of them."""
    return tuple(sorted(names)[:NAMED])
