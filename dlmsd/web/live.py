"""Server-sent events: a snapshot first, then at most one batch of changes a second.

``event: snapshot`` holds the document of /api/status, ``event: change`` the same shape with
only what changed (see :mod:`dlmsd.web.status`). Whoever connects again, with or without
Last-Event-ID, gets a fresh snapshot: nothing is replayed. (HTML Living Standard, 9.2)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.web.server import Request
from zope.interface import implementer

from dlmsd.fleet.board import Board, Status
from dlmsd.meter.identity import Identity
from dlmsd.model import (
    AlarmStatus,
    Gone,
    ListenerStatus,
    MeterStatus,
    ReloadStatus,
    SinkStatus,
)
from dlmsd.web.status import StatusDocument

EVENTS: Final = "text/event-stream"
"""The media type."""

BATCH_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0

STREAMS: Final = 64
"""A browser holds one or two; more are a script that forgets to close."""

BACKLOG: Final = 1 << 20
"""Bytes that wait for a slow reader: some seconds of 1,000 busy meters. Above it the reader
is dropped, because a fresh snapshot brings it up to date sooner than the backlog would."""

_log = Logger()


@implementer(IPushProducer)
class EventStream:
    """One reader. What it cannot take now waits here, up to ``BACKLOG``."""

    def __init__(self, request: Request, gone: Callable[[EventStream], None]) -> None:
        self._request = request
        self._gone = gone
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._open = True
        request.notifyFinish().addErrback(self._lost)
        request.registerProducer(self, True)

    def send(self, event: bytes) -> None:
        """Write it, or keep it while the transport is full."""
        if not self._open:
            return
        if not self._paused:
            self._request.write(event)
            return
        self._waiting.append(event)
        self._size += len(event)
        if self._size > BACKLOG:
            self._drop()

    def close(self) -> None:
        """End the response; what waits is not sent."""
        if self._open:
            self._end()
            self._request.unregisterProducer()
            self._request.finish()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        while self._waiting and not self._paused and self._open:
            event = self._waiting.popleft()
            self._size -= len(event)
            self._request.write(event)

    def stopProducing(self) -> None:
        self._end()

    def _drop(self) -> None:
        _log.warn(
            "dropped a reader of live events that takes them too slowly: {peer}",
            peer=str(getattr(self._request.getClientAddress(), "host", "unix")),
        )
        self._end()
        # Closing in good order would wait until the reader took what it does not take.
        transport: Any = self._request.transport
        transport.abortConnection()

    def _lost(self, reason: object) -> None:
        self._end()

    def _end(self) -> None:
        self._open = False
        self._waiting.clear()
        self._gone(self)


class Live:
    """Everyone who reads live events; the board's changes, encoded once for all of them."""

    def __init__(self, document: StatusDocument, board: Board, clock: Any) -> None:
        self._document = document
        self._board = board
        self._clock = clock
        self._streams: set[EventStream] = set()
        self._meters: dict[str, None] = {}
        self._sinks: dict[str, None] = {}
        self._listeners: dict[str, None] = {}
        self._outbox = self._alarms = self._reload = False
        self._gone_since = False
        self._number = 0
        self._sent_at = float("-inf")
        self._flush_call: IDelayedCall | None = None
        self._heartbeat_call: IDelayedCall | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Listen to the board."""
        self._unsubscribe = self._board.subscribe(self._noticed)

    def stop(self) -> None:
        """End every stream and every timer."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for stream in tuple(self._streams):
            stream.close()

    @property
    def full(self) -> bool:
        """Whether another reader would be one too many."""
        return len(self._streams) >= STREAMS

    def open(self, request: Request) -> None:
        """Make ``request`` a stream; it ends with its connection."""
        request.setHeader("content-type", EVENTS)
        request.setHeader("x-accel-buffering", "no")  # nginx would hold events back
        stream = EventStream(request, self._gone)
        self._streams.add(stream)
        if self._heartbeat_call is None:
            self._heartbeat_call = self._clock.callLater(HEARTBEAT_SECONDS, self._heartbeat)
        stream.send(b"retry: 2000\n" + self._event(b"snapshot", self._document.whole()))

    def _noticed(self, status: Status) -> None:
        if not self._streams:
            return
        if isinstance(status, Gone):
            self._gone_since = True
        elif isinstance(status, MeterStatus):
            self._meters[status.name] = None
        elif isinstance(status, Identity):
            return  # nothing of it is in the document
        elif isinstance(status, SinkStatus):
            self._sinks[status.name] = None
        elif isinstance(status, ListenerStatus):
            self._listeners[status.name] = None
        elif isinstance(status, AlarmStatus):
            self._alarms = True
        elif isinstance(status, ReloadStatus):
            self._reload = True
        else:
            self._outbox = True
        if self._flush_call is None:
            wait = self._sent_at + BATCH_SECONDS - self._clock.seconds()
            self._flush_call = self._clock.callLater(max(0.0, wait), self._flush)

    def _flush(self) -> None:
        self._flush_call = None
        self._sent_at = self._clock.seconds()
        meters, self._meters = self._meters, {}
        sinks, self._sinks = self._sinks, {}
        listeners, self._listeners = self._listeners, {}
        outbox, self._outbox = self._outbox, False
        alarms, self._alarms = self._alarms, False
        reload, self._reload = self._reload, False
        self._number += 1
        if self._gone_since:
            # Changes only add; what is gone is missing in a new whole.
            self._gone_since = False
            self._tell(self._event(b"snapshot", self._document.whole()))
            return
        batch = self._document.batch(
            meters, sinks, listeners, outbox=outbox, alarms=alarms, reload=reload
        )
        self._tell(self._event(b"change", batch))

    def _heartbeat(self) -> None:
        self._heartbeat_call = self._clock.callLater(HEARTBEAT_SECONDS, self._heartbeat)
        self._tell(b": still here\n\n")

    def _tell(self, event: bytes) -> None:
        for stream in tuple(self._streams):
            stream.send(event)

    def _event(self, kind: bytes, data: bytes) -> bytes:
        # JSON has no raw line break, so one data line always holds it.
        return b"event: %b\nid: %d\ndata: %b\n\n" % (kind, self._number, data)

    def _gone(self, stream: EventStream) -> None:
        self._streams.discard(stream)
        if self._streams:
            return
        for call in (self._flush_call, self._heartbeat_call):
            if call is not None and call.active():
                call.cancel()
        self._flush_call = self._heartbeat_call = None
        self._meters.clear()
        self._sinks.clear()
        self._listeners.clear()
        self._outbox = self._alarms = self._reload = self._gone_since = False
