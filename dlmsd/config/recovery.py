"""How a meter is won back: ``[profiles.NAME.recovery]``, and ``recovery.KEY`` of a meter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import asdict, fields, frozen

from dlmsd.config import rules
from dlmsd.config.rules import YEAR, Rule

# The longest pause between two attempts; Twisted's own default waits over an hour.
MAX_DELAY: Final = 300.0

_MOST: Final = 10_000

MOST_REFUSALS: Final = 60
"""No meter is asked more often in an hour with what it refuses: many lock, some for good."""


@frozen
class RecoveryOptions:
    """Thresholds; times in seconds, and 0 switches a rule off where that makes sense.

    An answer is waited for at least ``least_timeout``, however fast the meter was so far.
    A meter that was silent for ``idle`` may have dropped the HDLC link: it is opened anew.

    The connection is made anew after ``failed_cycles`` cycles or ``errors`` errors in a row,
    after ``silence`` without a good read, and at the age ``max_age``; with growing delays up
    to ``max_delay``, of at least ``busy_pause`` while it closes each at once. A meter rests
    for ``pause`` when more than ``losses`` associations were lost within an hour, for
    ``refused_pause`` after it has refused our credentials, which it is shown at most ``refusals``
    times an hour.
    """

    least_timeout: float = 0.5
    idle: float = 120.0
    failed_cycles: int = 1
    errors: int = 15
    silence: float = 600.0
    max_age: float = 0.0
    max_delay: float = MAX_DELAY
    busy_pause: float = 60.0
    losses: int = 10
    pause: float = 300.0
    refused_pause: float = 900.0
    refusals: int = 4


DEFAULTS: Final = RecoveryOptions()


@frozen(kw_only=True)
class RecoveryTable:
    """What a table says of them; None for what it does not say."""

    least_timeout: float | None = None
    idle: float | None = None
    failed_cycles: int | None = None
    errors: int | None = None
    silence: float | None = None
    max_age: float | None = None
    max_delay: float | None = None
    busy_pause: float | None = None
    losses: int | None = None
    pause: float | None = None
    refused_pause: float | None = None
    refusals: int | None = None


RULES: Final[Mapping[str, Rule]] = {
    "least_timeout": rules.number(low=Decimal("0.1"), high=3600),
    "idle": rules.number(high=YEAR),
    "failed_cycles": rules.whole(0, _MOST),
    "errors": rules.whole(0, _MOST),
    "silence": rules.number(high=YEAR),
    "max_age": rules.number(high=YEAR),
    "max_delay": rules.number(low=1, high=YEAR),
    "busy_pause": rules.number(high=YEAR),
    "losses": rules.whole(0, _MOST),
    "pause": rules.number(low=1, high=YEAR),
    "refused_pause": rules.number(low=1, high=YEAR),
    "refusals": rules.whole(1, MOST_REFUSALS),
}


def of_line(options: Sequence[RecoveryOptions]) -> RecoveryOptions:
    """For what meters on one line have in common: the most patient word of each kind."""
    return RecoveryOptions(
        **{
            one.name: max(getattr(each, one.name) for each in options)
            for one in fields(RecoveryOptions)
        }
    )


def joined(*tables: RecoveryTable | None) -> RecoveryOptions:
    """A later table's word counts more."""
    told: dict[str, Any] = {}
    for table in tables:
        if table is not None:
            told |= asdict(table, filter=lambda _, value: value is not None)
    return RecoveryOptions(**told)
