"""Records of one meter for one message.

Never of several: ThingsBoard before 4.2.1 acknowledges a gateway's message once for each
device in it, so that the first PUBACK says nothing of the others; and its limits count
devices, not messages.
"""

from __future__ import annotations

from collections import deque
from math import inf

from attrs import frozen

from dlmsd.model import Lane
from dlmsd.publish import payload
from dlmsd.publish.source import Delivery


@frozen
class Room:
    """What a message may hold at most; one delivery always fits."""

    deliveries: int
    octets: int
    values: float = inf


def take(
    queue: deque[Delivery], room: Room, published: int | None = None
) -> tuple[list[bytes], list[Delivery]]:
    """Takes of the meter that is first as many as there is room for, in order; the records,
    and the deliveries that they are.

    With ``published``, in Unix milliseconds, those that are read as they come tell it; the ``ts``
    of what was read back is not when it was received.
    """
    records: list[bytes] = []
    taken: list[Delivery] = []
    others: list[Delivery] = []
    octets, values = room.octets, room.values
    meter = queue[0].meter
    while queue and len(taken) < room.deliveries:
        one = queue.popleft()
        if one.meter != meter:
            others.append(one)
            continue
        told = published if one.lane is Lane.LIVE else None
        record = payload.record(one.ts, one.values, told)
        octets -= len(record) + len(b",")
        if values != inf:
            values -= payload.count(one.values)
        if taken and (octets < 0 or values < 0):
            others.append(one)
            break
        records.append(record)
        taken.append(one)
    queue.extendleft(reversed(others))
    return records, taken
