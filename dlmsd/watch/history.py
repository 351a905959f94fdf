"""What rules look at: how each meter, stream and sink fared in the last minutes.

Everything is told with the time that passes (seconds of the reactor's clock), which nobody
sets. A status that is posted costs some additions.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from attrs import define, field, frozen

from dlmsd.fleet.board import Board, Status
from dlmsd.meter.identity import Identity
from dlmsd.model import (
    CloseCause,
    Gap,
    Gone,
    MeterState,
    MeterStatus,
    OutboxStatus,
    ReceiverStatus,
    SinkState,
    SinkStatus,
)
from dlmsd.store.counters import Account, Stream
from dlmsd.watch.expectations import Expectations

BUCKET: Final = 60.0
WINDOW: Final = 600.0
_BUCKETS: Final = int(WINDOW / BUCKET)

_COUNTED: Final = ("good", "failed", "missed", "connects", "bad_frames", "noise_bytes")


@define
class _Window:
    """Counts of the last :data:`WINDOW` seconds, by minute, and their sums."""

    _minutes: deque[tuple[float, Counter[str]]] = field(factory=deque)
    _sums: Counter[str] = field(factory=Counter)

    def add(self, name: str, count: int, now: float) -> None:
        minutes = self._minutes
        if not minutes or now - minutes[-1][0] >= BUCKET:
            self._forget(now)
            minutes.append((now - now % BUCKET, Counter()))
        minutes[-1][1][name] += count
        self._sums[name] += count

    def sums(self, now: float) -> Counter[str]:
        """As they are now; they change with the next count."""
        self._forget(now)
        return self._sums

    def _forget(self, now: float) -> None:
        minutes = self._minutes
        while minutes and minutes[0][0] <= now - WINDOW - BUCKET:
            self._sums.subtract(minutes.popleft()[1])


@define(eq=False)
class MeterHistory:
    """One meter. ``since`` is when it was first heard of, or began to be read again.

    ``good_at`` is the last good reading, ``moved_at`` when a cycle last ended, whatever it
    gave. ``failing`` counts the failures, ``bad_frames`` the frames with errors since then.
    ``replaced`` are the serial numbers of the meter and of the one that answers instead of
    it; ``ahead`` by how many seconds its clock was when it was asked beside its cycles.
    """

    status: MeterStatus
    since: float
    good_at: float | None = None
    moved_at: float = 0.0
    failing: int = 0
    bad_frames: int = 0
    replaced: tuple[str, str] | None = None
    ahead: float | None = None
    _window: _Window = field(factory=_Window)

    @classmethod
    def begin(cls, status: MeterStatus, now: float) -> MeterHistory:
        """With what was counted so far, which is nobody's news."""
        return cls(status, now, moved_at=now)

    def learn(self, status: MeterStatus, now: float) -> None:
        """A newer status."""
        before, self.status = self.status, status
        if before.state is MeterState.INACTIVE and status.state is not MeterState.INACTIVE:
            self.since, self.good_at, self.failing = now, None, 0
            self.moved_at = now
        for name in _COUNTED:
            count = getattr(status, name) - getattr(before, name)
            if count:
                # A meter that was started again counts from 0.
                count = count if count > 0 else getattr(status, name)
                self._window.add(name, count, now)
                if name == "bad_frames":
                    self.bad_frames += count
        if status.good != before.good:
            self.good_at = self.moved_at = now
            self.failing = self.bad_frames = 0
        elif status.failed != before.failed:
            self.failing += 1
            self.moved_at = now
        if status.error and status.error_ts != before.error_ts:
            self._window.add(f"cause {status.cause}", 1, now)
            if status.cause in ("store", "replaced"):
                self.moved_at = now  # no cycle begins while nothing could be kept

    def identified(self, identity: Identity) -> None:
        """It told who it is."""
        self.ahead = identity.ahead
        self.replaced = (identity.instead, identity.serial) if identity.instead else None

    def sums(self, now: float) -> Counter[str]:
        """Of the last minutes: counters, and ``cause NAME`` for each kind of failure."""
        return self._window.sums(now)

    def silent(self, now: float) -> float:
        """Seconds without a good reading."""
        return now - (self.since if self.good_at is None else self.good_at)


# Between two closes the connection stands, and nothing is well.
_LASTING: Final = frozenset(
    {
        CloseCause.CREDENTIALS,
        CloseCause.TAKEOVER,
        CloseCause.REFUSED_TOPIC,
        CloseCause.POISON,
        CloseCause.RATE,
        CloseCause.KEEPALIVE,
    }
)


@define(eq=False)
class SinkHistory:
    """One sink. ``down_at`` is since when it has not been connected as it should, None if it
    is; ``moved_at`` when it last delivered anything or had nothing to deliver, ``told_at``
    when there last was news of its connection."""

    status: SinkStatus
    down_at: float | None
    moved_at: float
    told_at: float

    def learn(self, status: SinkStatus, now: float) -> None:
        """A newer status."""
        whole = status.state is SinkState.CONNECTED and not status.error
        verdict = status.verdict
        if whole and (verdict is None or verdict.cause not in _LASTING):
            self.down_at = None
        elif self.down_at is None:
            self.down_at = now
        if status.delivered != self.status.delivered:
            self.moved_at = now
        if _news(status) != _news(self.status):
            self.told_at = now
        self.status = status


def _news(status: SinkStatus) -> tuple[object, ...]:
    return status.state, status.connected, status.error_ts, status.error


@define(eq=False)
class StreamHistory:
    """Deliveries of one meter to one sink; ``moved_at`` as of a sink."""

    account: Account
    moved_at: float
    _window: _Window = field(factory=_Window)

    def learn(self, account: Account, now: float) -> None:
        """What the outbox counts now."""
        before, self.account = self.account, account
        self._window.add("committed", max(0, account.committed - before.committed), now)
        self._window.add("delivered", max(0, account.delivered - before.delivered), now)
        if account.delivered != before.delivered or not (account.queued and before.queued):
            self.moved_at = now

    def sums(self, now: float) -> Counter[str]:
        """``committed`` and ``delivered`` of the last minutes."""
        return self._window.sums(now)


@define(eq=False)
class OutboxHistory:
    """``queued`` are the deliveries that waited, by minute, oldest first."""

    status: OutboxStatus = field(factory=OutboxStatus)
    dropped_at: float | None = None
    dropped: int = 0
    queued: deque[tuple[float, int]] = field(factory=lambda: deque(maxlen=_BUCKETS + 1))

    def learn(self, status: OutboxStatus, now: float) -> None:
        """A newer status."""
        if self.queued and status.dropped > self.status.dropped:
            self.dropped_at, self.dropped = now, status.dropped - self.status.dropped
        self.status = status
        if not self.queued or now - self.queued[-1][0] >= BUCKET:
            self.queued.append((now, sum(status.queued.values())))


@frozen
class Step:
    """The wall clock moved by so many ``seconds`` more than time did, ``at`` that moment."""

    at: float
    seconds: float


@define(eq=False)
class HostHistory:
    """This machine. ``step`` is the last one of its clock; ``late`` how long (seconds) the last
    look had to wait for the reactor, of which ``late_at`` is the last that was too long.
    ``free`` and ``size`` are the disk's, in bytes, 0 if not known. ``unsynchronised_at`` is since
    when the kernel says that nothing keeps its clock right, None if something does."""

    step: Step | None = None
    late: float = 0.0
    late_at: float | None = None
    free: int = 0
    size: int = 0
    expiries: Mapping[str, int] = field(factory=dict)
    counters: Mapping[str, int] = field(factory=dict)
    lost: tuple[Gap, ...] = ()
    rebuilt: dict[tuple[str, str], tuple[float, int]] = field(factory=dict)
    receivers: tuple[ReceiverStatus, ...] = ()
    unsynchronised_at: float | None = None
    _refused: int = 0
    _window: _Window = field(factory=_Window)
    _last: tuple[float, float] | None = None

    def look(self, now: float, wall: float, period: float, most_step: float) -> None:
        """Every ``period`` seconds; ``wall`` is Unix seconds."""
        if self._last is not None:
            passed = now - self._last[0]
            step = wall - self._last[1] - passed
            if abs(step) > most_step:
                self.step = Step(now, step)
            self.late = max(0.0, passed - period)
            if self.late > period / 2:
                self.late_at = now
        self._last = now, wall

    def learn(self, now: float, *, synchronised: bool, refused: int) -> None:
        """``refused`` counts wrong tokens since the start."""
        self._window.add("wrong", refused - self._refused, now)
        self._refused = refused
        if synchronised:
            self.unsynchronised_at = None
        elif self.unsynchronised_at is None:
            self.unsynchronised_at = now

    def wrong(self, now: float) -> int:
        """Wrong tokens of the last minutes."""
        return self._window.sums(now)["wrong"]


class History:
    """All of it, from what is posted on a board."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.expectations = Expectations()
        self.meters: dict[str, MeterHistory] = {}
        self.sinks: dict[str, SinkHistory] = {}
        self.streams: dict[Stream, StreamHistory] = {}
        self._counted_at = 0.0
        self.outbox = OutboxHistory()
        self.host = HostHistory()

    def posted(self, status: Status, now: float) -> None:
        """A status was posted."""
        if isinstance(status, MeterStatus):
            found = self.meters.get(status.name)
            if found is None:
                found = self.meters[status.name] = MeterHistory.begin(status, now)
                if (identity := self.board.identities.get(status.name)) is not None:
                    found.identified(identity)
            found.learn(status, now)
        elif isinstance(status, Identity):
            meter = self.meters.get(status.name)
            if meter is not None:
                meter.identified(status)
        elif isinstance(status, SinkStatus):
            sink = self.sinks.get(status.name)
            if sink is None:
                sink = self.sinks[status.name] = SinkHistory(status, None, now, now)
            sink.learn(status, now)
        elif isinstance(status, OutboxStatus):
            for name, sink in self.sinks.items():
                if not self.outbox.status.queued.get(name):
                    sink.moved_at = now
            self.outbox.learn(status, now)
        elif isinstance(status, Gone):
            self._forget(status)

    def counted(self, accounts: Mapping[Stream, Account], now: float) -> None:
        """What the outbox counts by meter and sink."""
        self.streams = {
            stream: self.streams.get(stream) or StreamHistory(account, now)
            for stream, account in accounts.items()
        }
        for stream, account in accounts.items():
            self.streams[stream].learn(account, now)
        self._counted_at = now

    @property
    def outdated(self) -> bool:
        """Whether a sink has delivered, or had nothing to deliver, since streams were counted."""
        return any(sink.moved_at >= self._counted_at for sink in self.sinks.values())

    def _forget(self, gone: Gone) -> None:
        if gone.kind == "meter":
            self.meters.pop(gone.name, None)
        elif gone.kind == "sink":
            self.sinks.pop(gone.name, None)
