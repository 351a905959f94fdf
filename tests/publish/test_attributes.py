"""Shared attributes that change a meter, and what is told of it, by way of the stand-in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import StoreError
from dlmsd.fleet.overrides import UnfitOverrideError
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterState
from tests.publish.bench import meter
from tests.publish.test_rpc import KINDS
from tests.publish.test_thingsboard import status
from tests.publish.test_thingsboard_server import ServedBench
from tests.thingsboard.server import ThingsBoard


class AttributesCase(SynchronousTestCase):
    def begin(self, kind: str, protocol: Any = 5, **shared: Any) -> None:
        """A sink for ``a`` and ``b``; the device of ``a`` has these shared attributes."""
        self.bench = ServedBench(kind, "a", "b", protocol=protocol)
        if kind == "thingsboard-gateway":
            for name in "ab":
                self.server.create(f"Device {name}")
        self.server["Device a"].shared.update(shared)
        self.bench.start()
        self.bench.run(1)

    @property
    def server(self) -> ThingsBoard:
        return self.bench.server

    @property
    def overridden(self) -> list[Any]:
        """What was ordered since this was last asked."""
        found = [(meter, wanted) for meter, wanted, _ in self.bench.orders.overridden]
        self.assertLessEqual({who for _, _, who in self.bench.orders.overridden}, {"sink s"})
        self.bench.orders.overridden.clear()
        return found

    def share(self, **values: Any) -> None:
        self.server.share(self.server["Device a"], values)
        self.bench.run(0.5)

    def client(self, name: str = "a") -> dict[str, Any]:
        return dict(self.server[f"Device {name}"].client)

    def again(self) -> None:
        self.server.restart()
        self.bench.run(160)  # past a silent probe


class SharedTests(AttributesCase):
    def test_what_is_set_at_the_start_and_later(self) -> None:
        for kind in KINDS:
            for protocol in (5, 311):
                self.begin(kind, protocol, interval=30, status="inactive", fw_title="x")
                self.assertEqual(self.overridden, [("a", {"interval": 30, "status": "inactive"})])
                self.share(interval=2.5)
                [(name, wanted)] = self.overridden
                self.assertEqual((name, wanted), ("a", {"interval": Decimal("2.5")}))
                self.share(fw_title="y")
                self.assertEqual(self.overridden, [])
                self.server.unshare(self.server["Device a"], "interval", "fw_title")
                self.bench.run(0.5)
                self.assertEqual(self.overridden, [("a", {"interval": None})])

    def test_a_new_connection_brings_what_is_new_alone(self) -> None:
        for kind in KINDS:
            self.begin(kind, interval=30, status="active")
            self.overridden  # noqa: B018
            self.again()
            self.assertEqual(self.overridden, [])
            device = self.server["Device a"]
            device.shared["interval"] = 40
            self.again()
            self.assertEqual(self.overridden, [("a", {"interval": 40})])
            del device.shared["status"]
            self.again()
            self.assertEqual(self.overridden, [("a", {"status": None})])
            self.again()
            self.assertEqual(self.overridden, [])

    def test_a_wrong_value_is_reported_until_it_is_right(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.bench.orders.broken = UnfitOverrideError("interval: expected a number")
            self.share(interval="often")
            self.assertEqual(self.client()["attributes_error"], "interval: expected a number")
            self.assertNotIn("attributes_error", self.client("b"))
            self.bench.orders.broken = None
            self.share(interval=5)
            self.assertEqual(self.client()["attributes_error"], "")

    def test_a_refusal_outlives_what_was_wanted_before(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.bench.orders.slow = slow = Deferred()
            self.share(interval=5)
            self.bench.orders.broken = UnfitOverrideError("interval: expected a number")
            self.share(interval="often")
            slow.callback(None)
            self.bench.run(0.5)
            self.assertEqual(self.client()["attributes_error"], "interval: expected a number")

    def test_what_could_not_be_kept_counts_as_new_the_next_time(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.bench.orders.broken = StoreError("no room")
            self.share(interval=50)
            self.assertEqual(self.client()["attributes_error"], "no room")
            self.bench.orders.broken = None
            self.overridden  # noqa: B018
            self.again()
            self.assertEqual(self.overridden, [("a", {"interval": 50})])
            self.assertEqual(self.client()["attributes_error"], "")

    def test_a_fault_of_ours(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.bench.orders.broken = ZeroDivisionError()
            self.share(interval=50)
            self.assertIn("a fault of dlmsd", self.client()["attributes_error"])
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_what_makes_no_sense_stops_nothing(self) -> None:
        for kind, topic in zip(
            KINDS, ("v1/devices/me/attributes", "v1/gateway/attributes"), strict=True
        ):
            self.begin(kind)
            who = "gw" if kind == "thingsboard-gateway" else "Device a"
            link: Any = self.server[who].link
            for where in (topic, f"{topic}/response/1", f"{topic}/response"):
                for body in (
                    b"",
                    b"[]",
                    b"{",
                    b'{"deleted": 5}',
                    b'{"deleted": [[1]]}',
                    b'{"shared": 5}',
                    b'{"device": 5, "data": {}}',
                    b'{"device": "Device x", "data": {"interval": 1}}',
                    b'{"device": "Device a", "data": [1]}',
                    b'{"id": 1, "values": 7}',
                    b'{"id": [], "values": {}}',
                ):
                    link.transport.write(link.writer.publish(where, body, 1))
                    self.bench.run(0.2)
            self.assertEqual(self.overridden, [])
            self.share(interval=9)
            self.assertEqual(self.overridden, [("a", {"interval": 9})])
            self.assertEqual(
                len([c for c in self.server.connects if c.username == "gw"]) <= 1, True
            )


class FactsTests(AttributesCase):
    def learn(self, name: str = "a", **changes: Any) -> None:
        self.bench.sink.meter_status(status(name, **changes))
        self.bench.run(0.5)

    def test_who_a_meter_is_and_how_it_is_read(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.assertEqual(self.client(), {"model": "microstar"})
            values = {"serial_number": "00012345", "firmware": "1.10", "energy": Decimal(5)}
            self.learn(values=values)
            expected = {
                "model": "microstar",
                "serial": "SN-00012345",
                "firmware": "v1.10",
                "interval": 5.0,
                "status": "active",
                "online": True,
            }
            self.assertEqual(self.client(), expected)
            self.learn(interval=60.0, state=MeterState.INACTIVE)
            self.assertEqual(
                self.client(), {**expected, "interval": 60.0, "status": "inactive", "online": False}
            )
            self.assertEqual(set(self.client("b")), {"model"})

    def test_who_it_says_it_is_when_it_is_asked(self) -> None:
        """Until something better is known; and to a sink that comes later too."""
        for kind in KINDS:
            self.begin(kind)
            sink = self.bench.sink
            for told, serial in (("0042", "SN-0042"), ("", "SN-0042"), ("E5-7", "E5-7")):
                sink.meter_status(Identity("a", told))
                self.bench.run(0.5)
                self.assertEqual(self.client().get("serial"), serial)
            self.learn(values={"serial_number": "E5-8"})
            sink.meter_status(Identity("a", "0042"))
            self.bench.run(0.5)
            self.assertEqual(self.client()["serial"], "E5-8")

    def test_said_when_it_is_new_and_on_each_connection(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.learn()
            device = self.server["Device a"]
            device.client.clear()
            self.learn(good=5, state=MeterState.CONNECTING)
            self.assertEqual(device.client, {})
            self.learn(state=MeterState.DOWN)
            self.assertEqual(device.client["online"], False)
            device.client.clear()
            self.again()
            self.assertEqual(device.client["interval"], 5.0)

    def test_a_serial_number_of_the_configuration(self) -> None:
        self.begin("thingsboard")
        self.bench.sink._plan([meter("a", serial_number="ISK-1", profile="300")])
        self.learn()
        self.assertEqual((self.client()["serial"], self.client()["model"]), ("ISK-1", "model 300"))

    def test_none_of_it_is_taken_for_a_number(self) -> None:
        self.begin("thingsboard")
        for text in ("007", "1e5", "-1.50", "0x1F", "12f", ".5", "", "5."):
            self.learn(values={"serial": text})
            self.assertEqual(self.client()["serial"], f"SN-{text}")
        self.learn(values={"serial": "LGZ1030655112645"})
        self.assertEqual(self.client()["serial"], "LGZ1030655112645")
