"""What one meter's conversation carried."""

from __future__ import annotations

from attrs import define


@define
class Traffic:
    """Since the start: requests sent and those that were answered, octets with their frames.

    A request is what takes one turn on the line: an association too, and a list in one APDU.
    ``notifications`` is how often the meter spoke unasked.
    """

    requests: int = 0
    responses: int = 0
    octets_out: int = 0
    octets_in: int = 0
    notifications: int = 0
