"""Carries deliveries from the outbox over one connection, in order and acknowledged.

Caught up, a courier takes each commit from the outbox's listener. Behind (after every
connect, or when its queue is full) it reads pages, oldest first, until a short one: by
the outbox's promise the listener continues exactly there. What was not acknowledged
when a connection ends is still pending, so the next connection begins with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.model import MeterStatus
from dlmsd.publish import troubles
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import Acknowledgement, MqttProtocol
from dlmsd.publish.source import Delivery, Outbox

PAGE: Final = 500
# A minute of 1,000 meters: enough for a broker's hiccup, some megabytes at most. Beyond
# it the outbox, which is on disk anyway, is the queue.
QUEUE: Final = 1000


Say: TypeAlias = Callable[[str, Message], None]
"""Publishes a message about a subject, soon; of a subject only the newest waits."""


class Dialect(Protocol):
    """How one kind of broker wants things said, over one connection."""

    def subscriptions(self) -> Sequence[str]:
        """The topic filters of every new connection."""

    def told(self, message: Message, say: Say) -> bool:
        """The broker sent ``message``; answers go to ``say``, now or later.

        The result tells whether it meant anything.
        """

    def learn(self, status: MeterStatus, say: Say) -> None:
        """A meter's newest status, whether there is a connection or not."""

    def greeting(self) -> Iterable[tuple[str, Message]]:
        """What every new connection begins with; forgets all that was said before."""

    def state(self, meter: str, online: bool) -> Message | None:
        """That a meter can be read, or no longer."""

    def introduction(self, meter: str) -> Message | None:
        """What must precede this meter's next delivery."""

    def pack(self, queue: deque[Delivery]) -> tuple[Message, tuple[int, ...]]:
        """Takes one message's deliveries off the queue's left; the message and their ids."""

    def farewell(self) -> Iterable[tuple[str, Message]]:
        """What a connection that is closed on purpose ends with."""

    def explain(self, error: troubles.Trouble) -> troubles.Trouble:
        """The same trouble, with what this kind of broker means by it."""


class Desk(Protocol):
    """Who keeps the account of several couriers."""

    def up(self, courier: str) -> None: ...
    def down(self, courier: str, error: troubles.Trouble) -> None: ...
    def refused(self, courier: str, error: troubles.Trouble) -> None: ...
    def acknowledged(self, courier: str, deliveries: int) -> None: ...


class Courier:
    """The deliveries of one sink, or of one meter at it; ``name`` is the meter or empty.

    ``states`` gives the meters whose availability is known, for every new connection.
    """

    log = Logger()

    def __init__(
        self,
        sink: str,
        meter: str | None,
        outbox: Outbox,
        dialect: Dialect,
        desk: Desk,
        states: Callable[[], Iterable[tuple[str, bool]]],
    ) -> None:
        self.name = meter or ""
        self._sink = sink
        self._meter = meter
        self._outbox = outbox
        self._dialect = dialect
        self._desk = desk
        self._states = states
        self._session: MqttProtocol | None = None
        self._notices: dict[str, Message] = {}  # by subject, so that only the newest waits
        self._queue: deque[Delivery] = deque()
        self._behind = True
        self._paging = False
        self._last = 0
        self._flying: dict[int, tuple[Message, tuple[int, ...]]] = {}
        self._ended: Deferred[None] | None = None

    def start(self) -> None:
        """Deliveries may be sent as soon as there is a connection."""
        self._ended = None

    def up(self, session: MqttProtocol) -> None:
        if self._ended is not None:
            return
        self._session = session
        self._queue.clear()
        self._flying.clear()
        self._behind, self._paging, self._last = True, False, 0
        session.subscribe(self._dialect.subscriptions())
        self._notices = dict(self._dialect.greeting())
        for meter, online in self._states():
            self._notice(meter, self._dialect.state(meter, online))
        self._desk.up(self.name)
        self._fill()

    def down(self, error: troubles.Trouble) -> None:
        self._session = None
        self._desk.down(self.name, self._dialect.explain(error))
        self._end()

    def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> bool:
        arrived: list[int] = []
        refusals: list[tuple[troubles.Trouble, tuple[int, ...]]] = []
        for packet_id, reason in acknowledgements:
            message, ids = self._flying.pop(packet_id)
            if reason < 0x80:
                arrived.extend(ids)
            else:
                refusals.append((troubles.unpublished(reason, message.topic), ids))
        if arrived:
            self._outbox.delivered(arrived)
        if len(refusals) < len(acknowledgements):
            self._desk.acknowledged(self.name, len(arrived))
        for error, ids in refusals:
            self._desk.refused(self.name, self._dialect.explain(error))
            if ids and self._session is not None:
                # What came before it is safe; it and all after it are sent again, in order.
                self._session.fail(error)
        self._fill()
        return bool(arrived)

    def offer(self, delivery: Delivery) -> None:
        """A delivery has just been committed."""
        if self._session is None or self._behind or self._ended is not None:
            return
        if len(self._queue) >= QUEUE:
            self._behind = True
            return
        self._queue.append(delivery)
        self._last = delivery.id
        self._fill()

    def state(self, meter: str, online: bool) -> None:
        """A meter can be read, or no longer."""
        if self._session is not None and self._ended is None:
            self._notice(meter, self._dialect.state(meter, online))
            self._fill()

    def told(self, message: Message) -> bool:
        """The broker sent a message."""
        return self._dialect.told(message, self._say)

    def learn(self, status: MeterStatus) -> None:
        """A meter has a new status."""
        self._dialect.learn(status, self._say)

    def finish(self) -> Deferred[None]:
        """Send no more deliveries, say farewell; fires when all is acknowledged, or down."""
        ended = self._ended = Deferred()
        if self._session is None:
            self._end()
        else:
            self._queue.clear()
            self._notices.update(self._dialect.farewell())
            self._fill()
        return ended

    def _say(self, subject: str, message: Message) -> None:
        if self._session is not None and self._ended is None:
            self._notice(subject, message)
            self._fill()

    def _notice(self, subject: str, message: Message | None) -> None:
        self._notices.pop(subject, None)
        if message is not None:
            self._notices[subject] = message

    def _fill(self) -> None:
        """Use the window: notices first, then what must go before a delivery, then it."""
        session = self._session
        if session is None:
            return
        while session.room > 0:
            if self._notices:
                self._send(session, self._notices.pop(next(iter(self._notices))), ())
            elif not self._queue:
                break
            elif (message := self._dialect.introduction(self._queue[0].reading.meter)) is not None:
                self._send(session, message, ())
            else:
                self._send(session, *self._dialect.pack(self._queue))
        if self._ended is not None:
            if not self._flying and not self._notices:
                self._end()
        elif self._behind and not self._paging and len(self._queue) < PAGE // 2:
            self._paging = True
            Deferred.fromCoroutine(self._page(session)).addErrback(self._unreadable, session)

    def _send(self, session: MqttProtocol, message: Message, ids: tuple[int, ...]) -> None:
        self._flying[session.publish(message)] = (message, ids)

    async def _page(self, session: MqttProtocol) -> None:
        page = await self._outbox.pending(self._sink, self._last, PAGE, self._meter)
        if session is not self._session or self._ended is not None:
            return
        self._paging = False
        self._behind = len(page) == PAGE
        self._queue.extend(page)
        if page:
            self._last = page[-1].id
        self._fill()

    def _unreadable(self, failure: Failure, session: MqttProtocol) -> None:
        self.log.failure("{sink}: the outbox cannot be read", failure, sink=self._sink)
        if session is self._session:
            session.fail(troubles.Trouble("the outbox cannot be read; see the log"))

    def _end(self) -> None:
        if self._ended is not None and not self._ended.called:
            self._ended.callback(None)
