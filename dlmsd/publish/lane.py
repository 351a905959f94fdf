"""One lane of a courier: what it has of the outbox, and where the next page begins."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from typing import Final

from dlmsd.model import Lane
from dlmsd.publish.source import Delivery

PAGE: Final = 500
# A minute of 1,000 meters: enough for a broker's hiccup, some megabytes at most. Beyond
# it the outbox, which is on disk anyway, is the queue.
QUEUE: Final = 1000


class LaneQueue:
    """Caught up, it takes each commit; ``behind``, it needs pages, oldest first, until a
    short one: by the outbox's promise the commits continue exactly there."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.queue: deque[Delivery] = deque()
        self.aside: deque[Delivery] = deque()
        self.restart()

    def restart(self) -> None:
        """A new connection begins with the oldest that waits."""
        self.queue.clear()
        self.aside.clear()
        self.behind, self.paging, self.last = True, False, 0

    @property
    def hungry(self) -> bool:
        """Whether it is time for a page."""
        return self.behind and not self.paging and len(self.queue) < PAGE // 2

    def offer(self, delivery: Delivery) -> None:
        """A delivery has just been committed."""
        if self.behind:
            return
        if len(self.queue) >= QUEUE:
            self.behind = True
            return
        self.queue.append(delivery)
        self.last = delivery.id

    def feed(self, page: Sequence[Delivery], kept_back: Container[int]) -> None:
        """The page that was asked for; some of it is only sent when nothing else is there."""
        self.paging = False
        self.behind = len(page) == PAGE
        for delivery in page:
            (self.aside if delivery.id in kept_back else self.queue).append(delivery)
        if page:
            self.last = page[-1].id
