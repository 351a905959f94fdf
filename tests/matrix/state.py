"""Where a session stands when a fault begins: the rows of the matrix."""

from __future__ import annotations

import enum


class State(enum.Enum):
    """The value says what the session waits for."""

    S0 = "the name is being resolved"
    S1 = "the connection is there, nothing was said"
    S2 = "SNRM sent"
    S3 = "AARQ sent"
    S4 = "the proof of high level security sent"
    S5 = "idle between two cycles"
    S6 = "GET sent"
    S7 = "the next block asked for"
    S8 = "the next segment asked for"
    S9 = "the DISC that releases sent"
    S10 = "the DISC that clears sent"


class Kind(enum.Enum):
    """Whom the session speaks to; the value names it in reports."""

    HDLC = "hdlc"
    WRAPPER = "wrapper"
    GMAC = "gmac"


OPENING = frozenset((State.S0, State.S1, State.S10, State.S2, State.S3, State.S4))
"""What comes before the first answer; the others are met between readings."""

UNASKED = frozenset((State.S1, State.S5))
"""Where the meter has nothing to answer, so that a fault speaks by itself."""
