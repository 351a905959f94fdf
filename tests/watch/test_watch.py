"""The watch inside the whole daemon: looks, counts, checks the health, and stops."""

from __future__ import annotations

import json
import time
from pathlib import Path

from dlmsd.config.notice import NoticeOptions
from dlmsd.config.values import (
    Configuration,
    DaemonOptions,
    MeterOptions,
    OutboxOptions,
    SinkOptions,
    WebOptions,
)
from dlmsd.simulator.faults import FaultKind
from dlmsd.watch.expectations import Expectations
from dlmsd.watch.watch import expiry
from tests.certificates import Authority
from tests.watch.town import TownCase, now


class WatchTests(TownCase):
    def test_how_many_stand_is_on_the_board_and_in_the_line(self) -> None:
        town = self.town
        assert town.daemon is not None
        self.assertEqual(town.daemon.board.alarms.count, 0)
        town.inject(FaultKind.SILENCE)
        town.run(120)
        self.assertEqual(town.daemon.board.alarms.standing, {"error": 1})
        town.run(600)
        self.assertEqual(town.daemon.board.alarms.standing, {"critical": 1})

    def test_a_disk_that_hangs_holds_up_no_look(self) -> None:
        town = self.town
        town.writer.hold()
        town.run(300)
        town.writer.release()
        town.run(300)
        self.assertEqual(town.alarms(), {})

    def test_an_alarm_outlives_the_daemon_and_ends_in_its_next_life(self) -> None:
        town = self.town
        town.inject(FaultKind.SILENCE)
        town.run(120)
        self.assertEqual(list(town.alarms()), ["meter-mute"])
        town.kill()
        town.inject(None)
        town.start()
        town.run(60)
        self.assertEqual(list(town.alarms()), ["meter-mute"])
        town.run(120)
        self.assertEqual(town.alarms(), {})
        self.assertEqual(len(now(town.daemon.registry.alarms.list())), 1)  # type: ignore[union-attr]

    def test_when_certificates_end(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        Authority(folder).issue("broker")
        ends = expiry(folder / "server.pem")
        assert ends is not None
        self.assertGreater(ends, time.time())
        (folder / "none.pem").write_text("nothing")
        self.assertIsNone(expiry(folder / "none.pem"))
        self.assertIsNone(expiry(folder / "missing.pem"))

    def test_whose_certificates_are_looked_at(self) -> None:
        paths = [Path(name) for name in ("broker.pem", "ours.pem", "mail.pem", "meter.pem", "page")]
        broker, ours, mail, meter, page = paths
        sink = SinkOptions("tb", "mqtt", "mqtts://b", ca_file=broker, cert_file=ours)
        configuration = Configuration(
            path=Path("x"),
            daemon=DaemonOptions(Path("x")),
            web=WebOptions(f"ssl:8425:privateKey=key:certKey={page}"),
            outbox=OutboxOptions(),
            sinks=(sink,),
            meters=(MeterOptions("a", "h", "p", "a", read=(), ca_file=meter),),
            notices=(NoticeOptions("duty", "mail", ca_file=mail), NoticeOptions("sms", "webhook")),
        )
        self.assertEqual(set(Expectations.of(configuration).files), set(paths))


class HealthTests(TownCase):
    meters = 1

    def test_health_every_hour_and_once_a_day(self) -> None:
        town = self.town
        assert town.daemon is not None
        health = town.daemon.registry.health
        town.run(3600)
        (check,) = now(health.list())
        self.assertEqual(check.status, 0)
        document = json.loads(check.document)
        self.assertEqual((document["minutes"], document["classes"]["healthy"]), (60, 1))
        town.inject(FaultKind.SILENCE)
        town.run(3600)
        self.assertEqual(now(health.list())[0].status, 2)
        town.inject(None)
        town.run(24 * 3600)
        spans = [json.loads(one.document)["minutes"] for one in now(health.list())]
        self.assertEqual(spans.count(1440), 1)
        self.assertGreaterEqual(spans.count(60), 25)
