"""Carries deliveries from the outbox over one connection, in order and acknowledged.

There are lanes, each in order: live deliveries go first, and while some wait at most one in five
is of another. What was not acknowledged when a connection ends is still pending, so the next one
begins with it; what its broker refuses for good is put in quarantine, so that the rest goes on.

The window holds a message until the outbox has written that it was acknowledged: what a
kill makes duplicates is never more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.errors import StoreError
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterStatus
from dlmsd.publish import payload, troubles
from dlmsd.publish.audience import Audience
from dlmsd.publish.canary import Canary
from dlmsd.publish.desk import Desk
from dlmsd.publish.dialect import Dialect
from dlmsd.publish.episodes import Episodes
from dlmsd.publish.holding import Holding
from dlmsd.publish.lane import PAGE, LaneQueue, Lanes
from dlmsd.publish.limits import REQUEST, Limits
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import Acknowledgement, MqttProtocol
from dlmsd.publish.noticeboard import Noticeboard
from dlmsd.publish.pack import Room
from dlmsd.publish.source import Delivery, Outbox
from dlmsd.publish.suspicion import Suspicion
from dlmsd.publish.verdict import BURST

# A poison message in it is found by few halvings.
MOST_PACKED: Final = 250

# A broker that closes because of a message does so when it has read it, not later.
PROMPT: Final = 5.0

# So many refused for good, and none taken in between: then it is not the messages.
MOST_REFUSED: Final = 8

# A connection that breaks once before its SUBACK is chance.
UNHEARD: Final = 2


class Courier:
    """The deliveries of one sink, or of one meter at it; ``name`` is the meter or empty.

    ``states`` gives the meters whose availability is known, for every new connection. With a
    ``canary`` readings over MQTT 3.1.1 must come back.
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
        limits: Limits,
        clock: IReactorTime,
        episodes: Episodes,
        *,
        canary: bool = False,
    ) -> None:
        self.name = meter or ""
        self._sink = sink
        self._meter = meter
        self._outbox = outbox
        self._dialect = dialect
        self._desk = desk
        self._states = states
        self._limits = limits
        self._clock = clock
        self._held: IDelayedCall | None = None
        self._episodes = episodes
        self._session: MqttProtocol | None = None
        self._notices = Noticeboard(sink, self.name, limits)
        self._audience = Audience(sink, self.name)
        self._lanes = Lanes(dated=dialect.dated)
        self._flying: dict[int, tuple[Message, tuple[int, ...]]] = {}
        self._unmarked = 0  # messages that were acknowledged, and the outbox's file lacks it
        self._suspicion = Suspicion()
        self._refused_in_a_row = 0
        self._holding = Holding(dialect, self._lanes, desk, clock, self._back)
        self._canary: Canary | None = None
        if canary:
            self._canary = Canary(sink, clock, self._unechoed)
        self._unheard = 0  # connections in a row that were lost upon their subscriptions
        self._ended: Deferred[None] | None = None

    def start(self) -> None:
        """Deliveries may be sent as soon as there is a connection."""
        self._ended = None

    def up(self, session: MqttProtocol) -> None:
        if self._ended is not None:
            return
        self._session = session
        self._lanes.restart()
        self._flying.clear()
        if self._unheard >= UNHEARD:
            # Some brokers close where others refuse; deliveries must not wait for that.
            self.log.warn(
                "{sink}: the broker closed upon a subscription; nothing is heard this time",
                sink=self._sink,
                meter=self.name,
            )
        else:
            session.subscribe(self._dialect.subscriptions())
            if self._canary is not None:
                self._canary.up(session)
        self._notices.clear()
        for subject, message in self._dialect.greeting():
            self._notices.put(subject, message)
        for meter, online in self._states():
            self._notices.put(meter, self._dialect.state(meter, online))
        self._desk.up(self.name, session.certificate_ends)
        self._fill()

    def down(self, error: troubles.Trouble) -> None:
        self._release()
        if self._canary is not None:
            self._canary.down()
        session, self._session = self._session, None
        if session is not None:
            self._unheard = self._unheard + 1 if session.unheard else 0
            oldest, ids = next(iter(self._flying.values()), (None, ()))
            if oldest is not None and not ids and error.suspicious and session.waited <= PROMPT:
                self._notices.unwanted.closed(oldest.topic)
            self._notices.unwanted.ended()
        if session is not None and error.suspicious and session.waited <= PROMPT:
            self._suspicion.closed(self._flying_ids(), self._episodes.seconds())
        if self._ended is None:  # else it was we who ended it
            self._desk.down(self.name, self._dialect.explain(error))
        self._end()

    def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> bool:
        arrived: list[int] = []
        taken, messages = False, 0
        refusals: list[tuple[troubles.Trouble, tuple[int, ...]]] = []
        for packet_id, reason in acknowledgements:
            message, ids = self._flying.pop(packet_id)
            if reason < 0x80:
                self._episodes.passed(packet_id)
                if ids and self._canary is not None:
                    self._canary.acknowledged(message.topic)
                if ids:
                    self._audience.acknowledged(message.topic, reason)
                arrived.extend(ids)
                messages += bool(ids)
                # Whoever is asked for limits is not yet known to take readings.
                taken = taken or message is not REQUEST
            else:
                error = troubles.unpublished(reason, message.topic)
                self._episodes.refused(packet_id, error)
                refusals.append((error, ids))
                if not ids:
                    self._notices.unwanted.refused(message.topic)
        if arrived:
            self._unmarked += messages
            marked = self._arrived(arrived)
        if taken:
            self._desk.acknowledged(self.name, len(arrived))
        for error, ids in refusals:
            self._refused(error, ids)
        if arrived:
            marked.addCallback(self._marked, messages)
        self._fill()
        return bool(arrived)

    def _marked(self, _: None, messages: int) -> None:
        self._unmarked -= messages
        self._fill()

    def offer(self, delivery: Delivery) -> None:
        """A delivery has just been committed."""
        if self._session is None or self._ended is not None:
            return
        self._lanes.offer(delivery)
        self._fill()

    def state(self, meter: str, online: bool) -> None:
        """A meter can be read, or no longer."""
        if self._session is not None and self._ended is None:
            self._notices.put(meter, self._dialect.state(meter, online))
            self._fill()

    def told(self, message: Message) -> bool:
        """The broker sent a message."""
        if self._canary is not None and self._canary.heard(message):
            return True
        meant = self._dialect.told(message, self._say)
        for trouble in self._holding.look():
            self._episodes.withheld(message.topic, trouble)
        self._fill()  # the server may have told its limits
        return meant

    def forgive(self) -> None:
        """An operator wants a new beginning for what is held back."""
        if self._holding.release() and self._session is not None:
            self._session.fail(troubles.Trouble("connecting anew, for what was held back"))

    def learn(self, status: MeterStatus | Identity) -> None:
        """A meter has a new status."""
        self._dialect.learn(status, self._say)

    def finish(self) -> Deferred[None]:
        """Send no more deliveries, say farewell; fires when all is acknowledged, or down."""
        ended = self._ended = Deferred()
        self._holding.stop()
        if self._session is None:
            self._end()
        else:
            self._lanes.restart()
            for subject, message in self._dialect.farewell():
                self._notices.put(subject, message)
            self._fill()
        return ended

    def _unechoed(self, topics: Sequence[str]) -> None:
        self._episodes.unechoed = topics
        self._desk.unechoed(self.name, topics)

    def _back(self, meter: str) -> None:
        self._dialect.back(meter, self._say)
        self._fill()

    def _say(self, subject: str, message: Message) -> None:
        if self._session is not None and self._ended is None:
            self._notices.put(subject, message)
            self._fill()

    def _arrived(self, ids: Sequence[int]) -> Deferred[None]:
        """Fires when the outbox has marked them."""
        marked = self._outbox.delivered(ids)
        self._refused_in_a_row = 0
        guilty = self._suspicion.arrived(ids)
        if guilty and self._episodes.acquitted(BURST):
            # It closes upon what it takes later: it is not the messages. They go once more.
            for lane in self._lanes:
                lane.release()
        elif guilty:
            error = troubles.closing(len(guilty))
            self._outbox.quarantine(guilty, str(error))
            self._episodes.convicted(guilty, error)
            self._desk.refused(self.name, error)
            for lane in self._lanes:
                lane.aside.clear()
        return marked

    def _refused(self, error: troubles.Trouble, ids: tuple[int, ...]) -> None:
        """A notice, or deliveries that the broker does not want, now or ever."""
        self._desk.refused(self.name, self._dialect.explain(error))
        if not ids or self._session is None:
            return
        poison = isinstance(error, troubles.PoisonTrouble)
        if poison and len(ids) == 1 and self._refused_in_a_row < MOST_REFUSED:
            self._refused_in_a_row += 1
            self._outbox.quarantine(ids, str(error))
            return
        if poison:
            self._suspicion.closed(ids, self._episodes.seconds())
        # What came before it is safe; it and all after it are sent again, in order.
        self._session.fail(error)

    def _flying_ids(self) -> list[int]:
        return [number for _, ids in self._flying.values() for number in ids]

    def _fill(self) -> None:
        """Use the window: notices first, then what must go before a delivery, then it."""
        session = self._session
        if session is None:
            return
        self._release()
        while min(session.room, self._limits.inflight - len(self._flying)) > self._unmarked:
            lane = None if self._notices else self._next()
            if lane is None and not self._notices:
                self._desk.held(self.name, "")
                break
            seconds, why = self._wait(lane)
            if seconds > 0:
                self._desk.held(self.name, why)
                self._held = self._clock.callLater(seconds, self._fill)
                break
            if lane is None:
                notice = self._notices.take(session)
                if notice is not None:
                    self._limits.take_notice(notice)
                    self._send(session, notice, ())
            elif (message := self._dialect.introduction(lane.queue[0].meter)) is not None:
                self._notices.insist(lane.queue[0].meter, message)
            else:
                self._send_from(session, lane)
        if self._ended is not None:
            if not self._flying and not self._notices:
                self._end()
            return
        for lane in self._lanes:
            if lane.hungry:
                lane.paging = True
                paged = Deferred.fromCoroutine(self._page(session, lane))
                paged.addErrback(self._unreadable, session)

    def _wait(self, lane: LaneQueue | None) -> tuple[float, str]:
        """Seconds until a notice, or this lane's first, may go, and why not now."""
        if lane is None:
            return self._limits.wait_notice(self._notices.next)
        return self._limits.wait(payload.count(lane.queue[0].values))

    def _release(self) -> None:
        if self._held is not None and self._held.active():
            self._held.cancel()
        self._held = None

    def _next(self) -> LaneQueue | None:
        """The lane whose turn it is, if it may send."""
        limit = self._suspicion.limit
        if limit is not None and len(self._flying_ids()) >= limit:
            return None
        lane = self._lanes.next()
        if lane is None and not self._flying_ids():
            # Nothing but what closed the connection before: it gets its chance, alone.
            lane = self._lanes.last_resort()
        return lane

    def _send_from(self, session: MqttProtocol, lane: LaneQueue) -> None:
        self._lanes.went(lane)
        limit = self._suspicion.limit
        room = Room(
            MOST_PACKED if limit is None else limit - len(self._flying_ids()),
            int(min(self._limits.payload, session.largest) * 4 // 5),
            self._limits.values.left,
        )
        message, taken = self._dialect.pack(lane.queue, room)
        ids = tuple(one.id for one in taken)
        size = session.size(message)
        if size > session.largest:
            error = troubles.oversized(size, session.largest, message.topic)
            self._episodes.withheld(message.topic, error)
            self._refused(error, ids)
        else:
            if self._canary is not None:
                self._canary.before(message.topic)
            self._send(session, message, ids)
            self._limits.take(1, sum(payload.count(one.values) for one in taken))
            for meter, count in Counter(one.meter for one in taken).items():
                self._desk.published(meter, size * count // len(taken))

    def _send(self, session: MqttProtocol, message: Message, ids: tuple[int, ...]) -> None:
        packet_id = session.publish(message)
        self._flying[packet_id] = (message, ids)
        self._episodes.sent(packet_id, message.topic, ids)

    async def _page(self, session: MqttProtocol, lane: LaneQueue) -> None:
        page = await self._outbox.pending(self._sink, lane.last, PAGE, self._meter, lane.lane)
        if session is not self._session or self._ended is not None:
            return
        lane.feed(page, self._suspicion.tried)
        self._fill()

    def _unreadable(self, failure: Failure, session: MqttProtocol) -> None:
        if not failure.check(StoreError):  # of which the outbox's own status tells
            self.log.failure("{sink}: the outbox cannot be read", failure, sink=self._sink)
        if session is self._session:
            session.fail(troubles.Trouble("the outbox cannot be read; see the log"))

    def _end(self) -> None:
        if self._ended is not None and not self._ended.called:
            self._ended.callback(None)
