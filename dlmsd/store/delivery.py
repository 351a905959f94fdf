"""What one sink still owes its broker."""

from __future__ import annotations

from attrs import frozen

from dlmsd.model import Lane, Reading


@frozen
class Delivery:
    """A committed reading for one sink; ids ascend in commit order, none is used twice."""

    id: int
    sink: str
    reading: Reading
    lane: Lane = Lane.LIVE
