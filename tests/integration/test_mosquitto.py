"""Publishing against a real broker."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from dlmsd.config.values import SinkOptions
from dlmsd.model import SinkStatus
from dlmsd.publish import conduct, suspicion
from dlmsd.publish.sink import Sink
from dlmsd.secret import Secret
from tests.certificates import Authority
from tests.integration.mosquitto import Mosquitto
from tests.integration.subscriber import Subscriber, retained
from tests.publish.outbox import MemoryOutbox, reading
from tests.publish.real import real_sink


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
    return lambda self: Deferred.fromCoroutine(test(self))


class MosquittoCase(TestCase):
    timeout = 120

    def broker(self, *settings: str, **options: Any) -> Mosquitto:
        broker = Mosquitto(Path(self.mktemp()), *settings, **options)
        broker.start()
        self.addCleanup(broker.stop)
        return broker

    def subscriber(self, broker: Mosquitto, topic: str = "#", **options: Any) -> Subscriber:
        subscriber = Subscriber(broker.port, topic, **options)
        self.addCleanup(subscriber.close)
        return subscriber

    async def sink(self, broker: Mosquitto, *, host: str = "127.0.0.1", **options: Any) -> Sink:
        self.outbox = MemoryOutbox(reactor)
        self.statuses: list[SinkStatus] = []
        given = {"name": "s", "kind": "mqtt", "url": f"mqtt://{host}:{broker.port}", **options}
        sink_options = SinkOptions(**given)
        sink = real_sink(sink_options, "ab", self.outbox, post=self.statuses.append)
        await sink.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(sink.stop()))
        return sink

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        end = reactor.seconds() + seconds
        while not condition():
            assert reactor.seconds() < end, f"waited in vain; {self.statuses[-1]}"
            await deferLater(reactor, 0.02, lambda: None)

    async def connected(self) -> None:
        await self.until(lambda: self.statuses[-1].connected == 1)


class DeliveryTests(MosquittoCase):
    @asynchronous
    async def test_exactly_what_was_committed_in_both_versions(self) -> None:
        broker = self.broker()
        for protocol in (5, 311, "auto"):
            subscriber = self.subscriber(broker, "dlmsd/a")
            sink = await self.sink(broker, protocol=protocol)
            self.outbox.commit([reading("a", ts, energy="136.50") for ts in range(1500)])
            await self.connected()
            for ts in range(1500, 1600):
                self.outbox.commit([reading("a", ts, energy="136.50")])
            await self.until(lambda: not self.outbox.waiting)
            await self.until(lambda each=subscriber: len(each.messages) == 1600)
            bodies = [json.loads(payload) for payload in subscriber.payloads("dlmsd/a")]
            self.assertEqual([body["ts"] for body in bodies], list(range(1600)))
            self.assertIn(b'{"energy":136.50}', subscriber.messages[0][1])
            await sink.stop()
            subscriber.close()
        log = broker.log.read_text()
        self.assertEqual([log.count(f"dlmsd-host-1a2b-s (p{p}") for p in (5, 2)], [2, 1])

    async def interrupted(self, broker: Mosquitto, interrupt: Callable[[], None]) -> list[int]:
        """Commit before, during and after an interruption; what it left unacknowledged."""
        await self.sink(broker)
        await self.connected()
        for ts in range(1000):
            self.outbox.commit([reading("a", ts)])
            if ts % 10 == 0:
                await deferLater(reactor, 0.001, lambda: None)
            if ts == 500:
                await self.until(lambda: len(self.outbox.waiting) <= 20)
                interrupt()
        await deferLater(reactor, 0.2, lambda: None)
        waiting = self.outbox.waiting
        self.assertTrue(499 <= len(waiting) <= 499 + 20, len(waiting))
        return [self.outbox.deliveries[one - 1].reading.ts for one in waiting]

    def stamps(self, *subscribers: Subscriber) -> list[int]:
        payloads = [one for each in subscribers for one in each.payloads("dlmsd/a")]
        return [int(json.loads(payload)["ts"]) for payload in payloads]

    @asynchronous
    async def test_a_restart_loses_nothing(self) -> None:
        broker = self.broker()
        subscriber = self.subscriber(broker, "dlmsd/a")
        await self.interrupted(broker, broker.stop)
        broker.start()
        await self.until(lambda: not self.outbox.waiting)
        await self.until(lambda: len(set(self.stamps(subscriber))) == 1000)
        seen = self.stamps(subscriber)
        self.assertEqual(list(dict.fromkeys(seen)), list(range(1000)))
        self.assertLessEqual(len(seen), 1000 + 20)

    @asynchronous
    async def test_kill_9_loses_nothing(self) -> None:
        """What mosquitto acknowledged and then lost in its own memory is beyond anybody, so
        all that it had not acknowledged must reach a witness that is there after the kill."""
        broker = self.broker()
        before = self.subscriber(broker, "dlmsd/a")
        waited = await self.interrupted(broker, broker.kill)
        before.close()
        broker.start()
        after = self.subscriber(broker, "dlmsd/a")
        await self.until(lambda: not self.outbox.waiting)
        expected = list(range(waited[0], 1000))
        await self.until(lambda: len(self.stamps(after)) >= len(expected))
        self.assertEqual(self.stamps(after), expected)
        self.assertLessEqual(len(set(self.stamps(before)) & set(expected)), 20)

    @asynchronous
    async def test_a_frozen_broker_costs_a_connection_and_nothing_else(self) -> None:
        broker = self.broker()
        sink = await self.sink(broker)
        await self.connected()
        assert broker.process is not None
        broker.process.send_signal(19)
        self.outbox.commit([reading("a", 1)])
        began = time.monotonic()
        await sink.stop()
        self.assertLess(time.monotonic() - began, 20)
        broker.process.send_signal(18)
        self.assertEqual(self.outbox.waiting, [1])


class AvailabilityTests(MosquittoCase):
    @asynchronous
    async def test_retained_states_and_a_clean_stop(self) -> None:
        broker = self.broker()
        sink = await self.sink(broker)
        sink.meter_state("a", True)
        sink.meter_state("b", False)
        self.outbox.commit([reading("a", 1)])
        await self.until(lambda: not self.outbox.waiting)
        states = {"dlmsd/a/availability": b"online", "dlmsd/b/availability": b"offline"}
        info = {"dlmsd/bridge/info": retained(broker.port, "dlmsd/#")["dlmsd/bridge/info"]}
        self.assertEqual(
            retained(broker.port, "dlmsd/#"), {**states, **info, "dlmsd/status": b"online"}
        )
        await sink.stop()
        self.assertEqual(
            retained(broker.port, "dlmsd/#"), {**states, **info, "dlmsd/status": b"offline"}
        )

    @asynchronous
    async def test_the_will_after_an_abort(self) -> None:
        for protocol in (5, 311):
            broker = self.broker()
            sink = await self.sink(broker, protocol=protocol)
            self.outbox.commit([reading("a", 1)])
            await self.until(lambda: not self.outbox.waiting)
            session = sink._routes[""].courier._session
            assert session is not None
            subscriber = self.subscriber(broker, "dlmsd/status")
            session.transport.abortConnection()
            await self.until(lambda each=subscriber: len(each.messages) >= 3)
            said = [payload for _, payload, _ in subscriber.messages]
            self.assertEqual(said, [b"online", b"offline", b"online"])
            await sink.stop()


class RefusalTests(MosquittoCase):
    def password_file(self) -> Path:
        path = Path(self.mktemp())
        path.touch(0o600)
        subprocess.run(["mosquitto_passwd", "-b", str(path), "bob", "right"], check=True)
        return path.absolute()

    @asynchronous
    async def test_a_wrong_password_is_told_as_such(self) -> None:
        broker = self.broker(f"password_file {self.password_file()}", anonymous=False)
        for protocol in (5, 311):
            secret = Secret("wrong-password")
            sink = await self.sink(broker, protocol=protocol, username="bob", password=secret)
            await self.until(lambda: bool(self.statuses[-1].error))
            self.assertIn("user bob refused: not authorised", self.statuses[-1].error)
            self.assertIn("password", self.statuses[-1].advice)
            self.assertNotIn("wrong-password", repr(self.statuses))
            await sink.stop()
        await self.sink(broker, username="bob", password=Secret("right"))
        await self.connected()

    @asynchronous
    async def test_one_that_retains_nothing(self) -> None:
        broker = self.broker("retain_available false")
        await self.sink(broker, protocol=5)
        self.outbox.commit([reading("a", 1)])
        await self.until(lambda: not self.outbox.waiting)

    @asynchronous
    async def test_nobody_listens(self) -> None:
        broker = self.broker()
        broker.stop()
        await self.sink(broker)
        await self.until(lambda: "connection refused" in self.statuses[-1].error)

    @asynchronous
    async def test_a_topic_that_the_acl_denies(self) -> None:
        rules = Path(self.mktemp()).absolute()
        # bridge/info is denied, too: mosquitto closes upon it, and deliveries pass all the same.
        rules.write_text("topic readwrite dlmsd/b\ntopic readwrite dlmsd/status\n")
        broker = self.broker(f"acl_file {rules}")
        await self.sink(broker)
        await self.connected()
        self.outbox.commit([reading("b", 1), reading("a", 2)])
        await self.until(lambda: "dlmsd/a: not authorised" in self.statuses[-1].error)
        self.assertEqual(self.outbox.waiting, [2])


class PoisonTests(MosquittoCase):
    """mosquitto's max_packet_size: told in MQTT 5, and only to be felt in 3.1.1."""

    def times(self, subscriber: Subscriber) -> list[int]:
        topics = ("dlmsd/a", "dlmsd/b")
        return [json.loads(one)["ts"] for topic in topics for one in subscriber.payloads(topic)]

    @asynchronous
    async def test_what_is_too_large_is_put_aside_and_the_rest_flows(self) -> None:
        self.patch(suspicion, "PATIENCE", 2.0)
        self.patch(conduct, "SHORTEST_PROBE", 0.5)
        for protocol, told in ((5, "takes at most 2000"), (311, "closes the connection")):
            broker = self.broker("max_packet_size 2000")
            subscriber = self.subscriber(broker, "dlmsd/#")
            await self.sink(broker, protocol=protocol)
            large = {f"m{number}": "1" * 25 for number in range(100)}
            for ts in range(1, 41):
                self.outbox.commit([reading("ab"[ts % 2], ts, **(large if ts == 7 else {}))])
            await self.until(lambda: not self.outbox.waiting, 60)
            self.assertEqual(list(self.outbox.isolated), [7])
            self.assertIn(told, self.outbox.isolated[7])
            # What comes last may still be on its way to the subscriber.
            await self.until(lambda each=subscriber: 40 in self.times(each))
            got = self.times(subscriber)
            self.assertEqual(set(got), set(range(1, 41)) - {7})
            print(f"MQTT {protocol}: {len(got) - 39} duplicates")

    test_what_is_too_large_is_put_aside_and_the_rest_flows.timeout = 150


class TLSTests(MosquittoCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.authority = Authority(self.folder)
        self.authority.issue("localhost")

    def tls_broker(self, *settings: str) -> Mosquitto:
        return self.broker(
            f"cafile {self.folder}/ca.pem",
            f"certfile {self.folder}/server.pem",
            f"keyfile {self.folder}/server.key",
            *settings,
        )

    async def tls_sink(self, broker: Mosquitto, host: str = "localhost", **options: Any) -> Sink:
        given = {"ca_file": self.folder / "ca.pem", **options}
        return await self.sink(broker, url=f"mqtts://{host}:{broker.port}", **given)

    @asynchronous
    async def test_delivery_over_tls_by_name_and_by_address(self) -> None:
        broker = self.tls_broker()
        for host in ("localhost", "127.0.0.1"):
            sink = await self.tls_sink(broker, host)
            self.outbox.commit([reading("a", ts) for ts in range(600)])
            await self.until(lambda: not self.outbox.waiting)
            await sink.stop()

    @asynchronous
    async def test_a_client_certificate(self) -> None:
        self.authority.issue("dlmsd", "client")
        broker = self.tls_broker("require_certificate true")
        sink = await self.tls_sink(broker)
        await self.until(lambda: bool(self.statuses[-1].error))
        self.assertEqual(self.statuses[-1].connected, 0)
        await sink.stop()
        files = {
            "cert_file": self.folder / "client.pem",
            "key_file": self.folder / "client.key",
        }
        await self.tls_sink(broker, **files)
        await self.connected()

    @asynchronous
    async def test_an_unknown_authority_is_refused(self) -> None:
        broker = self.tls_broker()
        await self.tls_sink(broker, ca_file=None)
        await self.until(lambda: "certificate verify failed" in self.statuses[-1].error)
        self.assertIn("ca_file", self.statuses[-1].advice)

    @asynchronous
    async def test_one_that_has_ended_is_refused(self) -> None:
        self.authority.issue("localhost", days=-1)
        broker = self.tls_broker()
        await self.tls_sink(broker)
        self.outbox.commit([reading("a", 1)])
        await self.until(lambda: "certificate" in self.statuses[-1].error)
        self.assertEqual((self.statuses[-1].connected, len(self.outbox.waiting)), (0, 1))
        self.assertIn("dates", self.statuses[-1].advice)

    @asynchronous
    async def test_another_host_s_certificate_is_refused(self) -> None:
        self.authority.issue("other.example")
        broker = self.tls_broker()
        await self.tls_sink(broker)
        await self.until(lambda: "not made out to the host" in self.statuses[-1].error)
        self.assertEqual(self.statuses[-1].connected, 0)


del MosquittoCase  # only its kinds are tests
