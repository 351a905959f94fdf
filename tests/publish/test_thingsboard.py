from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import MeterState, MeterStatus
from dlmsd.secret import Secret
from tests.publish.bench import Bench, meter
from tests.publish.broker import Ack, Published, acknowledge
from tests.publish.outbox import reading


def gateway(*meters: str, **options: object) -> Bench:
    token = Secret("gateway-token")
    given = {"kind": "thingsboard-gateway", "token": token, **options}
    return Bench(*map(meter, meters), **given)


def status(name: str, **changes: Any) -> MeterStatus:
    given = {"interval": 5.0, "state": MeterState.READING, **changes}
    return MeterStatus(name, "h:1", "microstar", **given)


class GatewayTests(SynchronousTestCase):
    def said(self, bench: Bench, connection: int = 0) -> list[tuple[str, object]]:
        return [
            (one.topic, json.loads(one.payload))
            for one in bench.broker.published
            if one.connection == connection and "attributes" not in one.topic
        ]

    def test_connect_once_then_telemetry(self) -> None:
        bench = gateway("a", "b")
        bench.start()
        connect = bench.broker.connects[0]
        self.assertEqual((connect.username, connect.password), (b"gateway-token", None))
        self.assertEqual(connect.will, None)
        bench.outbox.commit([reading("a", 1, p="4.20"), reading("b", 2), reading("a", 3)])
        bench.run(0.5)
        said = self.said(bench)
        self.assertEqual(
            [topic for topic, _ in said],
            [f"v1/gateway/{w}" for w in ("connect", "connect", *["telemetry"] * 3)],
        )
        self.assertEqual(said[0][1], {"device": "Device a", "type": "microstar"})
        telemetry = [one for one in bench.broker.published if one.topic.endswith("telemetry")]
        self.assertEqual(telemetry[0].payload, b'{"Device a":[{"ts":1,"values":{"p":4.20}}]}')
        self.assertEqual(said[1][1], {"device": "Device b", "type": "microstar"})

    def test_connect_again_on_every_connection(self) -> None:
        bench = gateway("a")
        bench.start()
        bench.outbox.commit([reading("a", 1)])
        bench.run(0.5)
        bench.broker.drop()
        bench.run(5)
        bench.outbox.commit([reading("a", 2)])
        bench.run(0.5)
        self.assertEqual(
            [topic for topic, _ in self.said(bench, 1)],
            ["v1/gateway/connect", "v1/gateway/telemetry"],
        )

    def test_devices_of_meters_that_are_down_stay_connected(self) -> None:
        """Else the server could not ask for another attempt, nor tell it to end."""
        bench = gateway("a", "b")
        bench.sink.meter_state("b", False)
        bench.start()
        connects = [
            ("v1/gateway/connect", {"device": f"Device {name}", "type": "microstar"})
            for name in "ab"
        ]
        self.assertEqual(self.said(bench), connects)
        for online in (True, False):
            bench.sink.meter_state("a", online)
            bench.run(0.5)
        self.assertEqual(self.said(bench), connects)

    def test_the_device_of_a_meter_that_is_gone_is_disconnected(self) -> None:
        bench = gateway("a", "b")
        bench.start()
        changed = Deferred.fromCoroutine(bench.sink.change([meter("b"), meter("c")]))
        bench.run(0.5)
        self.successResultOf(changed)
        for name in "bc":
            bench.sink.meter_status(status(name))
        bench.run(0.5)
        self.assertEqual(
            self.said(bench)[2:],
            [
                ("v1/gateway/disconnect", {"device": "Device a"}),
                ("v1/gateway/connect", {"device": "Device c", "type": "microstar"}),
            ],
        )

    def test_a_clean_stop_disconnects_the_devices(self) -> None:
        bench = gateway("a", "b")
        bench.sink.meter_state("a", True)
        bench.start()
        stopping = bench.stop()
        bench.run(0.5)
        self.successResultOf(stopping)
        ends = [("v1/gateway/disconnect", {"device": f"Device {name}"}) for name in "ab"]
        self.assertEqual(self.said(bench)[-2:], ends)
        self.assertEqual(bench.broker.disconnects, 1)

    def test_what_a_removed_meter_left_behind_still_goes(self) -> None:
        bench = gateway("a")
        bench.outbox.commit([reading("gone", 1)])
        bench.start()
        self.assertIn(
            ("v1/gateway/connect", {"device": "gone", "type": "default"}), self.said(bench)
        )
        self.assertEqual(bench.outbox.waiting, [])

    def test_no_puback_hints_at_is_gateway(self) -> None:
        bench = gateway("a")
        bench.broker.puback = lambda published: []
        bench.start()
        bench.outbox.commit([reading("a", 1)])
        bench.run(70)
        self.assertIn("no PUBACK", bench.status.error)
        self.assertIn("'Is gateway'", bench.status.advice)
        bench.broker.puback = acknowledge
        bench.run(80)
        self.assertEqual((bench.status.advice, bench.outbox.waiting), ("", []))

    def test_a_refusing_puback_backs_off_and_resends(self) -> None:
        bench = gateway("a")

        def refuse(published: Published) -> list[Ack]:
            code = 0x97 if published.topic.endswith("telemetry") else 0
            return [Ack(published.packet_id, code)]

        bench.broker.puback = refuse
        bench.start()
        bench.outbox.commit([reading("a", 1)])
        bench.run(60)
        self.assertEqual(bench.outbox.waiting, [1])
        self.assertTrue(4 <= len(bench.broker.connects) <= 8, len(bench.broker.connects))
        bench.broker.puback = acknowledge
        bench.run(60)
        self.assertEqual(bench.outbox.waiting, [])

    def test_a_refused_token_is_told_by_its_fingerprint(self) -> None:
        bench = gateway("a")
        bench.broker.connack = 0x86
        bench.start()
        self.assertIn(Secret("gateway-token").fingerprint(), bench.status.error)
        self.assertNotIn("gateway-token", repr(bench.statuses))


class DeviceTests(SynchronousTestCase):
    def test_a_connection_per_meter_with_its_token(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.start()
        self.assertEqual(
            [(one.username, one.client_id) for one in bench.broker.connects],
            [
                (b"token-of-a", "dlmsd-host-1a2b-s-a"),
                (b"token-of-b", "dlmsd-host-1a2b-s-b"),
            ],
        )
        bench.sink.meter_state("a", True)
        bench.outbox.commit([reading("b", 1, p="1.50"), reading("a", 2)])
        bench.run(0.5)
        sent = {
            (one.connection, one.topic, one.payload)
            for one in bench.broker.published
            if "attributes" not in one.topic
        }
        self.assertIn((1, "v1/devices/me/telemetry", b'{"ts":1,"values":{"p":1.50}}'), sent)
        self.assertEqual((len(sent), bench.outbox.waiting), (2, []))

    def test_a_backlog_goes_by_meter(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.outbox.commit([reading(name, ts) for ts in range(700) for name in "ab"])
        bench.start()
        bench.run(5)
        self.assertEqual(bench.outbox.waiting, [])
        for connection in (0, 1):
            self.assertEqual(bench.stamps(connection), list(range(700)))

    def test_one_bad_token_does_not_hold_up_the_others(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.broker.connack = 0x86
        bench.start()
        bench.broker.connack = 0
        self.assertEqual(bench.status.state.value, "down")
        self.assertRegex(bench.status.error, r"^b: .*fingerprint")
        bench.run(80)
        self.assertEqual((bench.status.state.value, bench.status.connected), ("connected", 2))

    def test_many_start_gently(self) -> None:
        bench = Bench(*(meter(f"m{n}") for n in range(100)), kind="thingsboard")
        bench.start()
        bench.run(0.5)
        self.assertTrue(15 <= len(bench.broker.connects) <= 22, len(bench.broker.connects))
        bench.run(5)
        self.assertEqual(bench.status.connected, 100)

    def test_one_sinks_listener_serves_all_couriers(self) -> None:
        bench = Bench(meter("a"), meter("b"), kind="thingsboard")
        bench.start()
        self.assertEqual(len(bench.outbox.listeners), 1)
        stopping = bench.stop()
        bench.run(2)
        self.successResultOf(stopping)
        self.assertEqual(bench.outbox.listeners, [])
