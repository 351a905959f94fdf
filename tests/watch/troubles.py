"""Troubles of every kind, each begun on a desk; what that gives ends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from attrs import evolve

from dlmsd.meter.identity import Identity
from dlmsd.model import (
    CloseCause,
    GapCause,
    ListenerState,
    ListenerStatus,
    MeterState,
    OutboxStatus,
    ReceiverStatus,
    ReloadStatus,
    SinkState,
    Verdict,
)
from tests.certificates import Authority
from tests.watch.desk import Desk, done

DAY = 86_400
KEYS = """
authentication = "high-gmac"
security = "authenticated-encrypted"
system_title = "DLM00001"
encryption_key = "{key}"
authentication_key = "{key}"
"""

Begin = Callable[[Desk], Callable[[], object]]


def cycles(cycle: Callable[[Desk, int], None]) -> Begin:
    """Each cycle of the meter is this one, which is told how many there were; then good ones."""

    def begin(desk: Desk) -> Callable[[], object]:
        counted = iter(range(10**9))
        desk.cycle = lambda: cycle(desk, next(counted))

        def end() -> None:
            desk.tell(interval=10.0, absent={}, units={})
            desk.cycle = desk.good

        return end

    return begin


def fails(cause: str) -> Begin:
    return cycles(lambda desk, number: desk.failed(cause))


def share(good: int, **changes: Any) -> Begin:
    """So many of ten cycles are good, well apart, and the meter is connected all the time."""

    def cycle(desk: Desk, number: int) -> None:
        if number * good % 10 < good:
            desk.good()
        else:
            desk.failed("silence", **({"state": MeterState.READING} | changes))

    return cycles(cycle)


def reads(**changes: Any) -> Begin:
    return cycles(lambda desk, number: desk.good(**changes))


def closes(desk: Desk, number: int) -> None:
    if number % 6 == 5:
        desk.failed("closed", state=MeterState.READING, connects=desk.meter.connects + 1)
    else:
        desk.good()


def some_fail(desk: Desk, number: int) -> None:
    """Of many cycles few, but more than ten in ten minutes."""
    desk.good(good=desk.meter.good + 30)
    desk.failed("silence", state=MeterState.READING)


def noise(desk: Desk, number: int) -> None:
    desk.good(noise_bytes=desk.meter.noise_bytes + 30)


def waits(desk: Desk) -> Callable[[], object]:
    """For a line that others use: it is never tried, and nothing fails."""
    desk.tell(state=MeterState.WAITING, interval=60.0)
    desk.cycle = lambda: None

    def end() -> None:
        desk.tell(interval=10.0)
        desk.cycle = desk.good

    return end


def adrift(desk: Desk) -> Callable[[], object]:
    """Nothing keeps the machine's clock right."""
    desk.clock_right = False
    return lambda: setattr(desk, "clock_right", True)


def guesses(desk: Desk) -> Callable[[], object]:
    for _ in range(12):
        desk.board.door.refused("10.0.0.9")
    return lambda: None


def hangs(desk: Desk) -> Callable[[], object]:
    """Until it is made anew."""

    async def rebuild(name: str) -> None:
        desk.cycle = desk.good

    desk.watch.supervise(meter=rebuild, sink=rebuild)
    desk.cycle = lambda: None
    return lambda: None


def sink_hangs(desk: Desk) -> Callable[[], object]:
    async def rebuild(name: str) -> None:
        desk.deliver()

    desk.watch.supervise(meter=rebuild, sink=rebuild)
    desk.commit(3)
    return lambda: None


def gateway(desk: Desk) -> Callable[[], object]:
    """Forty meters behind it fail at once."""
    others = [evolve(desk.meter, name=f"m{number:02}", address="gw:1") for number in range(40)]

    def cycle() -> None:
        desk.good()
        for number, one in enumerate(others):
            ts = int(desk.wall() * 1000)
            others[number] = evolve(
                one, state=MeterState.DOWN, failed=one.failed + 1, error="no", error_ts=ts,
                cause="timeout",
            )  # fmt: skip
            desk.board.post(others[number])

    def well() -> None:
        desk.good()
        for number, one in enumerate(others):
            others[number] = evolve(one, state=MeterState.READING, good=one.good + 1, error="")
            desk.board.post(others[number])

    desk.cycle = cycle
    return lambda: setattr(desk, "cycle", well)


def clock_off(desk: Desk) -> Callable[[], object]:
    desk.clock_error = -3600.0
    return lambda: setattr(desk, "clock_error", 0.0)


def replaced(desk: Desk) -> Callable[[], object]:
    desk.board.post(Identity("a", "1002", told_by="0-0:96.1.0", instead="1001"))
    return lambda: desk.board.post(Identity("a", "1002", told_by="0-0:96.1.0"))


def late(desk: Desk) -> Callable[[], object]:
    """The reactor turned no more for a while."""
    desk.clock.advance(30)
    return lambda: None


def broker(cause: CloseCause) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        verdict = Verdict(cause, 0.9, ("3 closes",), 0)
        desk.tell_sink(state=SinkState.DOWN, connected=0, error="closed", verdict=verdict)
        return lambda: desk.tell_sink(
            state=SinkState.CONNECTED, connected=1, error="", verdict=None
        )

    return begin


def sink(change: dict[str, Any], well: dict[str, Any]) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        desk.tell_sink(**change)
        return lambda: desk.tell_sink(**well)

    return begin


def broker_certificate(desk: Desk) -> Callable[[], object]:
    desk.tell_sink(certificate_ends=int(desk.wall()) + 5 * DAY)
    return lambda: desk.tell_sink(certificate_ends=int(desk.wall()) + 90 * DAY)


def unacknowledged(desk: Desk) -> Callable[[], object]:
    desk.commit(3)
    return desk.deliver


def one_stays(desk: Desk) -> Callable[[], object]:
    """The sink delivers for others, and not for this meter."""
    desk.commit()

    def cycle() -> None:
        desk.good()
        desk.tell_sink(delivered=desk.sink.delivered + 1)

    desk.cycle = cycle

    def end() -> None:
        desk.deliver()
        desk.cycle = desk.good

    return end


def delivered(committed: int, acknowledged: Callable[[int], int]) -> Begin:
    """So many readings are committed in each cycle, and of them so many delivered."""

    def begin(desk: Desk) -> Callable[[], object]:
        counted = iter(range(10**9))

        def cycle() -> None:
            desk.good()
            desk.commit(committed)
            if number := acknowledged(next(counted)):
                desk.deliver(number)

        desk.cycle = cycle

        def end() -> None:
            desk.deliver()
            desk.cycle = desk.good

        return end

    return begin


def outbox(status: OutboxStatus) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        desk.board.post(status)
        return lambda: desk.board.post(OutboxStatus())

    return begin


def gap(desk: Desk) -> Callable[[], object]:
    at = int(desk.wall() * 1000)
    number = done(desk.outbox.gaps.open("a", GapCause.LOST_IN_METER, at - 60_000, at))
    return lambda: done(desk.outbox.gaps.fill(number))


def disk(desk: Desk) -> Callable[[], object]:
    usage = SimpleNamespace(free=100 << 20, total=100 << 30)
    patched = patch.object(shutil, "disk_usage", lambda path: usage)
    patched.start()
    return patched.stop


def counters(desk: Desk) -> Callable[[], object]:
    """Half of all under this key; then there is another key."""
    desk.configure(KEYS.format(key="AB" * 16))
    (name,) = desk.watch.history.expectations.keys
    desk.outbox.invocation_counters.reserve_counters(name, 2**31, 1)
    return lambda: desk.configure(KEYS.format(key="CD" * 16))


def certificate(days: float) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        authority = Authority(desk.folder)

        def issue(days: float) -> None:
            authority.issue("dlmsd", "client", days)
            desk.configure(sink='cert_file = "client.pem"\nkey_file = "client.key"')

        issue(days)
        return lambda: issue(400)

    return begin


def listener(desk: Desk) -> Callable[[], object]:
    down = ListenerStatus("han", "tcp:1", ListenerState.DOWN, error="in use")
    desk.board.post(down)
    return lambda: desk.board.post(evolve(down, state=ListenerState.LISTENING, error=""))


def reload(**problems: Any) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        desk.board.post(ReloadStatus(0, "SIGHUP", **problems))
        return lambda: desk.board.post(ReloadStatus(1, "SIGHUP"))

    return begin


def deaf(desk: Desk) -> Callable[[], object]:
    failing = int(desk.wall() * 1000)
    desk.receivers = (ReceiverStatus("duty", "mail", 2, 3, failing, "no route"),)
    return lambda: setattr(desk, "receivers", (ReceiverStatus("duty", "mail"),))
