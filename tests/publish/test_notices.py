"""What ThingsBoard tells a gateway of its devices: that one has another name, or is gone."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.publish.bench import meter
from tests.publish.outbox import reading
from tests.publish.test_thingsboard import status
from tests.publish.test_thingsboard_server import GatewayCase


class NoticesTests(GatewayCase):
    def names(self) -> set[str]:
        return {one.name for one in self.server.devices.values()} - {"meter", "gw"}

    def commit(self, *stamps: int) -> None:
        for ts in stamps:
            self.bench.outbox.commit([reading(name, ts, p="1.5") for name in "ab"])
        self.bench.run(1)

    def stamps(self, name: str) -> list[int]:
        return [ts for ts, _ in self.server[name].series("p")]

    def change(self, **options: Any) -> None:
        changed = Deferred.fromCoroutine(
            self.bench.sink.change([meter("a", **options), meter("b")])
        )
        self.bench.run(3)
        self.successResultOf(changed)

    def test_a_device_that_is_renamed_gets_what_comes(self) -> None:
        for protocol in (5, 311):
            self.begin(protocol)
            self.bench.outbox.witness = lambda delivery: None
            self.commit(1)
            self.server.rename(self.server["Device a"], "Hall 3")
            self.bench.run(1)
            self.assertEqual(self.bench.orders.asked, [("Device a is now Hall 3 by sink s", "a")])
            self.commit(2)
            self.assertEqual(self.names(), {"Hall 3", "Device b"})
            self.assertEqual(self.stamps("Hall 3"), [1, 2])
            self.server.rename(self.server["Hall 3"], "Hall 4")
            self.bench.run(1)
            self.change(device_name="Hall 4")
            self.assertEqual(len(self.server.connects), 1)
            self.commit(3)
            self.assertEqual(self.stamps("Hall 4"), [1, 2, 3])
            self.assertEqual(self.names(), {"Hall 4", "Device b"})

    def test_requests_reach_the_renamed(self) -> None:
        self.server.rename(self.server["Device a"], "Hall 3")
        self.bench.run(1)
        asked = self.server.ask(self.server["Hall 3"], "reconnect", {})
        self.bench.run(1)
        self.assertTrue(self.successResultOf(asked)["success"])
        self.assertEqual(self.bench.orders.asked[-1], ("reconnect", "a"))

    def test_a_device_that_is_deleted_is_not_made_anew(self) -> None:
        self.commit(1)
        self.server.delete(self.server["Device a"])
        self.bench.run(1)
        self.assertIn("a: device Device a was deleted", self.bench.status.error)
        self.assertIn("Reload the configuration", self.bench.status.advice)
        self.commit(2, 3)
        self.bench.sink.meter_status(status("a"))
        self.bench.sink.meter_state("a", False)
        self.server.restart()
        self.bench.run(20)
        self.commit(4)
        self.assertEqual(self.names(), {"Device b"})
        self.assertEqual(self.stamps("Device b"), [1, 2, 3, 4])
        self.assertEqual(len(self.bench.outbox.waiting), 3)
        self.assertIn("was deleted", self.bench.status.error)

    def test_a_reload_makes_it_anew_with_all_that_waited(self) -> None:
        self.commit(1)
        self.server.delete(self.server["Device a"])
        self.bench.run(1)
        self.commit(2, 3)
        self.bench.sink.forgive()
        self.bench.run(10)
        self.commit(4)
        self.assertEqual(self.stamps("Device a"), [2, 3, 4])
        self.assertEqual((self.bench.outbox.waiting, self.bench.lost), ([], []))
        self.assertEqual(self.bench.status.error, "")

    def test_a_backlog_that_is_under_way(self) -> None:
        self.bench.outbox.commit(
            [reading(name, ts, p="1.5") for ts in range(3000) for name in "ab"]
        )
        self.server.delete(self.server["Device a"])
        self.bench.outbox.witness = lambda delivery: None
        self.bench.run(20)
        self.assertEqual(self.stamps("Device b"), list(range(3000)))
        self.assertGreater(len(self.bench.outbox.waiting), 1000)

    def test_of_strangers_and_nonsense(self) -> None:
        gateway = self.server["gw"]
        for method, params in (
            ("gateway_device_renamed", {"Stranger": "Other"}),
            ("gateway_device_renamed", {"Device a": 5}),
            ("gateway_device_renamed", ["Device a"]),
            ("gateway_device_renamed", {"Device a": ""}),
            ("gateway_device_deleted", "Stranger"),
            ("gateway_device_deleted", {"Device a": 1}),
            ("gateway_device_deleted", None),
        ):
            self.server.notify(gateway, method, params)
            self.bench.run(0.5)
        self.commit(1)
        self.assertEqual((self.bench.orders.asked, self.bench.outbox.waiting), ([], []))
        self.assertEqual((self.bench.status.error, self.names()), ("", {"Device a", "Device b"}))
