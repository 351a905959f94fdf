"""Why a broker closes, told against real brokers: mosquitto, and the ThingsBoard stand-in."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from dlmsd.config.values import SinkOptions
from dlmsd.model import CloseCause, SinkStatus
from dlmsd.publish import conduct, suspicion
from dlmsd.publish.endpoint import endpoint
from dlmsd.secret import Secret
from tests.integration.mosquitto import Mosquitto
from tests.publish.outbox import MemoryOutbox, reading
from tests.publish.real import real_sink
from tests.thingsboard.case import populated
from tests.thingsboard.limits import Limits, Rates
from tests.thingsboard.release import Release
from tests.thingsboard.server import ThingsBoard

TRIES = 3


class Client:
    """A sink with one meter, and a reading from time to time."""

    def __init__(self, url: str, every: float = 0.3, large: int = 0, **options: Any) -> None:
        self.outbox = MemoryOutbox(reactor)
        self.statuses: list[SinkStatus] = []
        self.dials: list[float] = []
        self.every, self.large = every, large
        given = {"name": "s", "kind": "mqtt", "url": url, **options}
        sink_options = SinkOptions(**given)
        reach = endpoint(reactor, sink_options)

        def dial(factory: Any) -> Deferred[Any]:
            self.dials.append(reactor.seconds())
            return reach(factory)

        self.sink = real_sink(
            sink_options, "a", self.outbox, connect=dial, post=self.statuses.append
        )
        self.count = 0

    async def start(self) -> None:
        await self.sink.start()
        self.tick()

    def tick(self) -> None:
        self.count += 1
        values = {f"m{n}": "1" * 25 for n in range(100)} if self.count == self.large else {}
        self.outbox.commit([reading("a", self.count, **values)])
        self.timer = reactor.callLater(self.every, self.tick)

    async def stop(self) -> None:
        self.timer.cancel()
        await self.sink.stop()

    @property
    def cause(self) -> CloseCause | None:
        verdict = self.statuses[-1].verdict if self.statuses else None
        return verdict.cause if verdict else None


class VerdictTests(TestCase):
    """Clients of one test run at once, so that it takes as long as its slowest."""

    timeout = 120

    def setUp(self) -> None:
        self.patch(conduct, "SHORTEST_PROBE", 2.0)
        self.patch(suspicion, "PATIENCE", 2.0)

    def mosquitto(self, *settings: str, **options: Any) -> Mosquitto:
        broker = Mosquitto(Path(self.mktemp()), *settings, **options)
        broker.start()
        self.addCleanup(broker.stop)
        return broker

    def stand_in(self, release: str) -> tuple[ThingsBoard, str]:
        server = ThingsBoard(reactor, time.time, Random(1), Release.parse(release), Limits())
        port = reactor.listenTCP(0, populated(server), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return server, f"mqtt://127.0.0.1:{port.getHost().port}"

    async def client(self, url: str, **options: Any) -> Client:
        client = Client(url, **options)
        await client.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(client.stop()))
        return client

    async def told(self, cause: CloseCause, clients: list[Client], within: float = 60) -> None:
        end = reactor.seconds() + within
        waiting = list(clients)
        while waiting:
            waiting = [one for one in waiting if one.cause is not cause]
            said = [one.statuses[-1].verdict for one in waiting if one.statuses]
            assert reactor.seconds() < end, f"{cause} is not told: {said}"
            await deferLater(reactor, 0.05, lambda: None)

    def url(self, broker: Mosquitto) -> str:
        return f"mqtt://127.0.0.1:{broker.port}"

    def test_five_causes(self) -> Deferred[Any]:
        """Each three times, and over both versions where the broker can show it there."""
        trials: list[Callable[[], Any]] = [
            self.passwords,
            self.rules,
            self.poison,
            self.larger_than_the_limit,
            self.restarts,
            self.rates,
        ]
        return gatherResults([Deferred.fromCoroutine(one()) for one in trials])

    async def each(self, url: str, *protocols: Any, **options: Any) -> list[Client]:
        """Three clients of each version."""
        return [
            await self.client(url, client_id=f"c{version}-{n}", protocol=version, **options)
            for version in protocols
            for n in range(TRIES)
        ]

    async def passwords(self) -> None:
        path = Path(self.mktemp()).absolute()
        path.touch(0o600)
        subprocess.run(["mosquitto_passwd", "-b", str(path), "bob", "right"], check=True)
        broker = self.mosquitto(f"password_file {path}", anonymous=False)
        wrong = {"username": "bob", "password": Secret("wrong")}
        clients = await self.each(self.url(broker), 5, 311, **wrong)
        await self.told(CloseCause.CREDENTIALS, clients)

    async def rules(self) -> None:
        """PUBACK 0x87 in 5; in 3.1.1 mosquitto acknowledges and drops, which the canary sees."""
        rules = Path(self.mktemp()).absolute()
        rules.write_text("topic readwrite dlmsd/status\n")
        broker = self.mosquitto(f"acl_file {rules}")
        clients = await self.each(self.url(broker), 5)
        # Where max_queued_messages is 0, as above, this one closes upon what it denies, too.
        usual = self.mosquitto(f"acl_file {rules}", "max_queued_messages 1000")
        deaf = await self.each(self.url(usual), 311)
        await self.told(CloseCause.REFUSED_TOPIC, clients)
        end = reactor.seconds() + 60
        while not all(one.statuses[-1].unechoed for one in deaf):
            assert reactor.seconds() < end, [one.statuses[-1] for one in deaf]
            await deferLater(reactor, 0.05, lambda: None)
        for one in deaf:
            self.assertEqual(one.statuses[-1].unechoed_topics, ("dlmsd/a",))
            self.assertIsNone(one.cause, "nothing closed, and nothing was refused")

    async def poison(self) -> None:
        """It closes, in both versions: in 5 mosquitto tells the size, so nothing is sent."""
        broker = self.mosquitto("max_packet_size 2000")
        clients = await self.each(self.url(broker), 5, 311, large=3)
        await self.told(CloseCause.POISON, clients, 100)

    async def larger_than_the_limit(self) -> None:
        """PUBACK 0x95 in 5; in 3.1.1 it is acknowledged and dropped."""
        broker = self.mosquitto("message_size_limit 2000")
        clients = await self.each(self.url(broker), 5, large=3)
        await self.told(CloseCause.POISON, clients, 100)
        for one in clients:
            ((number, reason),) = one.outbox.isolated.items()
            self.assertEqual(number, 3)
            self.assertIn("packet too large (PUBACK 0x95)", reason)

    async def restarts(self) -> None:
        brokers = [self.mosquitto() for _ in range(TRIES)]
        clients = [
            await self.client(self.url(one), client_id=f"c{version}", protocol=version)
            for version in (5, 311)
            for one in brokers
        ]
        while any(not one.outbox.done for one in clients):
            await deferLater(reactor, 0.05, lambda: None)
        for one in brokers:
            one.stop()
        await deferLater(reactor, 3.0, lambda: None)
        for one in brokers:
            one.start()
        await self.told(CloseCause.RESTART, clients)

    async def rates(self) -> None:
        """mosquitto has no such limit; the stand-in has ThingsBoard's."""
        clients = []
        for version in (5, 311):
            for _ in range(TRIES):
                server, url = self.stand_in("3.6")
                server.limits.gateway_devices = Rates(telemetry_messages="5:4")
                kind, token = "thingsboard-gateway", Secret("gw")
                clients.append(await self.client(url, kind=kind, token=token, protocol=version))
        await self.told(CloseCause.RATE, clients, 100)

    def test_two_with_one_token(self) -> Deferred[Any]:
        """Both are told, neither fights, and no reading is lost."""
        trials = [self.two_before_mosquitto(5), self.two_before_mosquitto(311)]
        trials += [self.two_before_thingsboard(n) for n in (5, 311)]
        return gatherResults([Deferred.fromCoroutine(one) for one in trials])

    async def two_before_mosquitto(self, protocol: Any) -> None:
        broker = self.mosquitto()
        await self.two(self.url(broker), client_id="same", protocol=protocol)

    async def two_before_thingsboard(self, protocol: Any) -> None:
        _, url = self.stand_in("4.3")
        token = Secret("gw")
        clients = await self.two(url, kind="thingsboard-gateway", token=token, protocol=protocol)
        for one in clients:
            evidence = " ".join(one.statuses[-1].verdict.evidence)  # type: ignore[union-attr]
            self.assertIn(f"fingerprint {token.fingerprint()}", evidence)

    async def two(self, url: str, **options: Any) -> list[Client]:
        first = await self.client(url, **options)
        await deferLater(reactor, 1.0, lambda: None)
        second = await self.client(url, **options)
        began = reactor.seconds()
        await self.told(CloseCause.TAKEOVER, [first, second], 60)
        await deferLater(reactor, max(0.0, 30 - (reactor.seconds() - began)), lambda: None)
        for one in (first, second):
            self.assertLessEqual(len(one.dials) - 1, 12)
            settled = one.outbox.done | set(one.outbox.waiting)
            self.assertEqual(settled, set(range(1, one.count + 1)))
            self.assertEqual(one.outbox.isolated, {})
        return [first, second]
