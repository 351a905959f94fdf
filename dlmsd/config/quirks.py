"""What the quirks of a meter need of its other options, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from dlmsd.config.misfit import Misfit, misfit
from dlmsd.config.security import CIPHERED, HIGH
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.quirks import (
    BLOCKS_GO_ON,
    CLEAR_AARQ,
    NO_ACCESS,
    NO_SNRM,
    PRE_ESTABLISHED,
    UNPROVED_METER,
    WRONG_FCS,
    WRONG_NUMBERS,
    Quirk,
)

_NEEDED: Final[tuple[tuple[Quirk, str, tuple[object, ...]], ...]] = (
    (CLEAR_AARQ, "security", CIPHERED),
    # The first request would carry the key in clear.
    (CLEAR_AARQ, "dedicated_key", (False,)),
    (NO_ACCESS, "referencing", ("ln",)),
    (PRE_ESTABLISHED, "authentication", ("none",)),
    (PRE_ESTABLISHED, "dedicated_key", (False,)),
    (UNPROVED_METER, "authentication", HIGH),
    (BLOCKS_GO_ON, "referencing", ("ln",)),
    (NO_SNRM, "framing", ("hdlc",)),
    (WRONG_FCS, "framing", ("hdlc",)),
    (WRONG_NUMBERS, "framing", ("hdlc",)),
)
"""Options without one of whose values a quirk has no effect, does harm or contradicts."""


def misfits(options: MeterOptions) -> Iterator[Misfit]:
    """Quirks that do not go with the other options of one meter."""
    for quirk, key, values in _NEEDED:
        if quirk in options.quirks and getattr(options, key) not in values:
            choices = " or ".join(json.dumps(value) for value in values)
            yield misfit("quirks", f"{quirk.name} needs {key} = {choices}", key)
    unknown = options.security != "none" and options.meter_system_title is None
    if PRE_ESTABLISHED in options.quirks and unknown:
        message = f"{PRE_ESTABLISHED.name} needs meter_system_title: no answer to an AARQ tells it"
        yield misfit("quirks", message, "security", "meter_system_title")


def weakening(options: MeterOptions) -> list[Quirk]:
    """The quirks that lower what the meter's security promises, by name."""
    weak = [quirk for quirk in options.quirks if quirk.weakens]
    return sorted(weak, key=lambda quirk: quirk.name)
