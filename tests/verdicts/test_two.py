"""Two daemons with one token, for an hour of virtual time."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import SinkOptions
from dlmsd.model import CloseCause, SinkStatus
from dlmsd.publish.build import build
from dlmsd.publish.conduct import MOST_ATTEMPTS
from dlmsd.publish.sink import Sink
from dlmsd.secret import Secret
from tests.clock import HeapClock
from tests.publish.bench import meter
from tests.publish.orders import MemoryOrders
from tests.publish.outbox import MemoryOutbox, reading
from tests.thingsboard.case import START, server
from tests.verdicts.network import dial

TOKEN = Secret("gw")


class Daemon:
    """A sink, and a reading every five seconds."""

    def __init__(self, clock: HeapClock, board: Any, seed: int, protocol: Any) -> None:
        self.clock = clock
        self.outbox = MemoryOutbox(clock)
        self.statuses: list[SinkStatus] = []
        self.dials: list[float] = []
        self.told: float | None = None
        self.count = 0
        connect = dial(board, clock, 0.01)

        def counted(factory: Any) -> Deferred[Any]:
            self.dials.append(clock.seconds())
            return connect(factory)

        options = SinkOptions(
            "s", "thingsboard-gateway", "mqtt://b", token=TOKEN, protocol=protocol
        )
        self.sink: Sink = build(
            options,
            [meter(f"of-{seed}")],
            outbox=self.outbox,
            clock=clock,
            connect=counted,
            wall=lambda: START + clock.seconds(),
            random=Random(seed),
            post=self._post,
            published=lambda *_: None,
            instance_id=f"host-{seed}",
            orders=MemoryOrders(),
        )
        self.name = f"of-{seed}"

    def start(self) -> None:
        Deferred.fromCoroutine(self.sink.start())
        self._tick()

    def stop(self) -> None:
        self._timer.cancel()
        Deferred.fromCoroutine(self.sink.stop())

    def _tick(self) -> None:
        self.count += 1
        self.outbox.commit([reading(self.name, self.count)])
        self._timer = self.clock.callLater(5.0, self._tick)

    def _post(self, status: SinkStatus) -> None:
        self.statuses.append(status)
        verdict = status.verdict
        if self.told is None and verdict and verdict.cause is CloseCause.TAKEOVER:
            self.told = self.clock.seconds()


class TwoDaemonsTests(SynchronousTestCase):
    def test_told_within_two_minutes_and_at_most_twelve_reconnects_an_hour(self) -> None:
        for seed, (release, protocol) in enumerate(
            (release, protocol) for release in ("3.6", "4.3") for protocol in (5, 311)
        ):
            clock = HeapClock()
            board = server(clock, release)
            one, two = (Daemon(clock, board, 2 * seed + n, protocol) for n in (0, 1))
            one.start()
            clock.run(100.0)
            two.start()
            clock.run(3600.0)
            where = f"{release} MQTT {protocol}"
            for daemon in (one, two):
                again = [at for at in daemon.dials if at > 100.0]
                reconnects = len(again) - (daemon is two)
                self.assertLessEqual(reconnects, MOST_ATTEMPTS, where)
                self.assertEqual(daemon.outbox.isolated, {}, where)
                assert daemon.told is not None
                self.assertLessEqual(daemon.told - 100.0, 120, where)
            verdict = one.statuses[-1].verdict
            assert verdict is not None
            self.assertIn(f"fingerprint {TOKEN.fingerprint()}", verdict.evidence[0], where)
            self.assertNotIn(TOKEN.reveal().decode(), verdict.evidence[0].split())
            two.stop()
            clock.run(1502.0)
            self.assertEqual(one.outbox.waiting, [], where)
            self.assertEqual(len(one.outbox.done), one.count, where)
            one.stop()
            clock.run(5.0)
