"""What mosquitto acknowledges over MQTT 3.1.1, and drops by its ACL."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from dlmsd.config.values import SinkOptions
from dlmsd.model import SinkStatus
from dlmsd.publish import canary
from tests.integration.mosquitto import Mosquitto
from tests.integration.subscriber import Subscriber
from tests.publish.outbox import MemoryOutbox, reading
from tests.publish.real import real_sink

ALL = "topic readwrite #\n"
NO_READING_BACK = "topic write #\n"
# Without a limit of its queues mosquitto 2.0.11 closes upon what it denies.
AS_SHIPPED = ("max_queued_messages 1000",)
NO_WRITING = "topic readwrite dlmsd/status\ntopic read #\n"


class EchoTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.patch(canary, "PATIENCE", 1.0)

    async def sink(self, rules: str, **options: Any) -> None:
        """Under ``rules``, and then, if they denied anything, under rules that do not."""
        file = Path(self.mktemp()).absolute()
        file.write_text(rules)
        file.chmod(0o600)
        broker = Mosquitto(Path(self.mktemp()), f"acl_file {file}", *AS_SHIPPED)
        broker.start()
        self.addCleanup(broker.stop)
        statuses: list[SinkStatus] = []
        given = {"name": "s", "kind": "mqtt", "url": f"mqtt://127.0.0.1:{broker.port}", **options}
        outbox = MemoryOutbox(reactor)
        sink = real_sink(SinkOptions(**given), "a", outbox, post=statuses.append)
        await sink.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(sink.stop()))
        for ts in (1, 2):
            outbox.commit([reading("a", ts)])
            await self.until(lambda: not outbox.waiting)
        await deferLater(reactor, 2.5, lambda: None)
        heard = rules == ALL or given["protocol"] == 5
        told = () if heard else ("dlmsd/a",)
        self.assertEqual(statuses[-1].unechoed_topics, told, rules)
        if rules == ALL:
            return
        file.write_text(ALL)
        assert broker.process is not None
        broker.process.send_signal(signal.SIGHUP)
        # mosquitto's own words of a reload are none that can be waited for.
        for ts in range(3, 40):
            outbox.commit([reading("a", ts)])
            await deferLater(reactor, 0.1, lambda: None)
            if not statuses[-1].unechoed:
                break
        self.assertEqual(statuses[-1].unechoed_topics, (), rules)

    async def until(self, true: Any) -> None:
        while not true():
            await deferLater(reactor, 0.02, lambda: None)

    def test_rules_of_all_kinds(self) -> Deferred[Any]:
        trials = [self.sink(rules, protocol=311) for rules in (ALL, NO_WRITING, NO_READING_BACK)]
        trials.append(self.sink(NO_READING_BACK, protocol=5))
        return gatherResults([Deferred.fromCoroutine(one) for one in trials])

    def test_readings_that_were_acknowledged_are_lost(self) -> Deferred[None]:
        """That there is something to warn of."""

        async def test() -> None:
            file = Path(self.mktemp()).absolute()
            file.write_text(NO_WRITING)
            file.chmod(0o600)
            broker = Mosquitto(Path(self.mktemp()), f"acl_file {file}", *AS_SHIPPED)
            broker.start()
            self.addCleanup(broker.stop)
            subscriber = Subscriber(broker.port, "dlmsd/#")
            self.addCleanup(subscriber.close)
            outbox = MemoryOutbox(reactor)
            url = f"mqtt://127.0.0.1:{broker.port}"
            sink = real_sink(SinkOptions("s", "mqtt", url, protocol=311), "a", outbox)
            await sink.start()
            outbox.commit([reading("a", 1)])
            await self.until(lambda: not outbox.waiting)
            await sink.stop()
            self.assertEqual(subscriber.payloads("dlmsd/a"), [])
            self.assertTrue(subscriber.payloads("dlmsd/status"))

        return Deferred.fromCoroutine(test())
