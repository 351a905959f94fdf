"""All cells, and why some of them make no sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from tests.matrix.cell import Cell
from tests.matrix.state import Kind, State
from tests.matrix.table import FAULTS

_LINK = {State.S2, State.S8, State.S9, State.S10}
_HDLC = {12, 13, 14, 19, 20, *range(23, 30)}

SENSELESS: tuple[tuple[str, Callable[[Cell], bool]], ...] = (
    (
        "before there is a connection only its name can fail",
        lambda cell: cell.state is State.S0 and cell.fault != 7,
    ),
    (
        "low level security has no passes 3 and 4",
        lambda cell: cell.state is State.S4 and cell.kind is not Kind.GMAC,
    ),
    (
        "WRAPPER has no link to set up or to end, and no segments",
        lambda cell: cell.state in _LINK and cell.kind is Kind.WRAPPER,
    ),
    (
        "WRAPPER has no checks, no numbers, and no frames but those of APDUs",
        lambda cell: cell.fault in _HDLC and cell.kind is Kind.WRAPPER,
    ),
    (
        "only AARE and the answer to our proof have a challenge or a proof",
        lambda cell: (
            cell.fault == 33
            and (cell.kind is not Kind.GMAC or cell.state not in (State.S3, State.S4))
        ),
    ),
    (
        "what is not ciphered cannot be tampered with",
        lambda cell: cell.fault == 41 and cell.kind is not Kind.GMAC,
    ),
)


def every() -> Iterator[Cell]:
    """State by state."""
    for state in State:
        for fault in FAULTS:
            for kind in Kind:
                yield Cell(state, fault, kind)


def reason(cell: Cell) -> str:
    """Why it makes no sense; empty if it does."""
    return next((words for words, applies in SENSELESS if applies(cell)), "")


def sensible() -> list[Cell]:
    """Those that are run."""
    return [cell for cell in every() if not reason(cell)]


def left_out() -> Counter[str]:
    """How many cells each reason takes away."""
    return Counter(filter(None, map(reason, every())))
