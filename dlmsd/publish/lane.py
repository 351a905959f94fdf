"""The lanes of a courier: what each has of the outbox, and whose turn it is.

Of readings that are dated where they arrive, as at ThingsBoard, what is new goes before what
waited when the connection came up. A subscriber of plain topics takes what comes last for
what is now, so there all that is live keeps one order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Sequence
from typing import Final

from dlmsd.model import Lane
from dlmsd.publish.source import Delivery

PAGE: Final = 500
# A minute of 1,000 meters: enough for a broker's hiccup, some megabytes at most. Beyond
# it the outbox, which is on disk anyway, is the queue.
QUEUE: Final = 1000
# Deliveries of the first lane between two of another.
LIVE_FIRST: Final = 4


class LaneQueue:
    """Caught up, it takes each commit; ``behind``, it needs pages, oldest first, until a
    short one: by the outbox's promise the commits continue exactly there.

    ``until`` is an id from which on another queue has them."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.queue: deque[Delivery] = deque()
        self.aside: deque[Delivery] = deque()
        self.held: Container[str] = ()
        self.resting: deque[Delivery] = deque()
        self._rests: Container[str] = ()
        self.restart()

    def restart(self, *, behind: bool = True) -> None:
        """A new connection begins with the oldest that waits, or with the next commit."""
        self.queue.clear()
        self.aside.clear()
        self.resting.clear()
        self.behind, self.paging, self.last = behind, False, 0
        self.until: int | None = None

    @property
    def hungry(self) -> bool:
        """Whether it is time for a page."""
        room = len(self.queue) < PAGE // 2 and len(self.resting) < QUEUE
        return self.behind and not self.paging and room

    def hold(self, meters: Container[str]) -> None:
        """What these have left stays in the outbox until a new connection."""
        self.held = meters
        self.queue = deque(one for one in self.queue if one.meter not in meters)
        self.aside = deque(one for one in self.aside if one.meter not in meters)
        self.resting = deque(one for one in self.resting if one.meter not in meters)

    def rest(self, meters: Container[str]) -> None:
        """What these have left waits here until they are no longer among ``meters``."""
        self._rests = meters
        found = (*self.resting, *self.queue)
        self.resting = deque(one for one in found if one.meter in meters)
        self.queue = deque(one for one in found if one.meter not in meters)

    def offer(self, delivery: Delivery) -> None:
        """A delivery has just been committed."""
        if self.behind or delivery.meter in self.held:
            return
        if len(self.queue) + len(self.resting) >= QUEUE:
            self.behind = True
            return
        (self.resting if delivery.meter in self._rests else self.queue).append(delivery)
        self.last = delivery.id

    def release(self) -> None:
        """What was kept back goes first."""
        self.queue.extendleft(reversed(self.aside))
        self.aside.clear()

    def feed(self, page: Sequence[Delivery], kept_back: Container[int]) -> None:
        """The page that was asked for; some of it is only sent when nothing else is there."""
        self.paging = False
        self.behind = len(page) == PAGE
        if self.until is not None and page and page[-1].id >= self.until:
            self.behind = False
            page = [one for one in page if one.id < self.until]
        for delivery in page:
            if delivery.meter in self.held:
                continue
            if delivery.meter in self._rests:
                self.resting.append(delivery)
            else:
                (self.aside if delivery.id in kept_back else self.queue).append(delivery)
        if page:
            self.last = page[-1].id


class Lanes:
    """All lanes of one connection; with ``dated`` what is new has a queue of its own."""

    def __init__(self, *, dated: bool) -> None:
        self._dated = dated
        self._new = LaneQueue(Lane.LIVE)
        self._lanes = {lane: LaneQueue(lane) for lane in Lane}
        live, backfill = self._lanes[Lane.LIVE], self._lanes[Lane.BACKFILL]
        self._first = self._new if dated else live
        self._others = (live, backfill) if dated else (backfill,)
        self._first_in_a_row = 0
        self.restart()

    def __iter__(self) -> Iterator[LaneQueue]:
        return iter((self._first, *self._others))

    def restart(self) -> None:
        """For a new connection."""
        for lane in self:
            lane.restart(behind=lane is not self._new)

    def offer(self, delivery: Delivery) -> None:
        """A delivery has just been committed."""
        lane = self._lanes[delivery.lane]
        if self._dated and delivery.lane is Lane.LIVE:
            if lane.until is None:
                lane.until = delivery.id
            lane = self._new
        lane.offer(delivery)

    def next(self) -> LaneQueue | None:
        """Whose turn it is, of those that have something."""
        other = next((lane for lane in self._others if lane.queue), None)
        if other is not None and (not self._first.queue or self._first_in_a_row >= LIVE_FIRST):
            return other
        return self._first if self._first.queue else None

    def went(self, lane: LaneQueue) -> None:
        """One of this lane has been sent."""
        self._first_in_a_row = self._first_in_a_row + 1 if lane is self._first else 0

    def last_resort(self) -> LaneQueue | None:
        """What was set aside, once nothing else is there or to come."""
        for lane in self:
            if lane.aside and not any(one.behind for one in self):
                lane.queue.append(lane.aside.popleft())
                return lane
        return None
