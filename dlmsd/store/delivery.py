"""What one sink still owes its broker."""

from __future__ import annotations

from attrs import frozen

from dlmsd.model import Lane


@frozen
class Delivery:
    """A committed reading for one sink; ids ascend in commit order, none is used twice.

    ``values`` is the JSON text that is in the file: what is published twice is the same twice,
    and a backlog goes out without being decoded.
    """

    id: int
    sink: str
    meter: str
    ts: int
    values: str
    lane: Lane = Lane.LIVE
