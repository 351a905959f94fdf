"""Devices that ThingsBoard puts out of a gateway's session, while the session goes on (G16)."""

from __future__ import annotations

from dlmsd.model import CloseCause
from dlmsd.publish.evictions import Evictions, evicted
from tests.publish.outbox import reading
from tests.publish.test_thingsboard_server import GatewayCase
from tests.thingsboard.gateway import OTHER, RATE, SubSession


class EvictionTests(GatewayCase):
    def put_out(self, name: str = "a", reason: int = RATE) -> None:
        link = self.server[f"Device {name}"].link
        assert isinstance(link, SubSession)
        link.put_out(reason)
        self.bench.run(0.1)

    def away(self, name: str = "a") -> float:
        """Seconds until the device is connected again."""
        seconds = 0.0
        while self.server[f"Device {name}"].link is None:
            self.bench.run(0.1)
            seconds += 0.1
            self.assertLess(seconds, 100)
        return seconds

    def test_it_is_connected_anew_and_then_gets_what_waited(self) -> None:
        gone = self.server["Device a"]
        self.put_out()
        del self.server.devices[gone.id]  # so that it shows what made it anew
        self.bench.outbox.commit([reading(name, 1, p="1.5") for name in "ab"])
        self.bench.run(0.5)
        self.assertEqual([self.server["Device b"].series("p")], [[(1, 1.5)]])
        self.assertEqual((self.server.named("Device a"), len(self.bench.outbox.waiting)), (None, 1))
        self.bench.run(1)
        anew = self.server["Device a"]
        self.assertEqual((anew.type, anew.series("p")), ("microstar", [(1, 1.5)]))
        self.assertEqual(anew.client["model"], "microstar")
        self.assertEqual((self.bench.outbox.waiting, self.bench.lost), ([], []))
        self.assertEqual(len(self.server.connects), 1)

    def test_without_readings_too(self) -> None:
        """Else it could not be asked for anything."""
        self.put_out()
        self.assertLessEqual(self.away(), 1.5)

    def test_it_waits_longer_each_time_and_others_go_on(self) -> None:
        delays = []
        for ts in range(8):
            self.put_out()
            self.bench.outbox.commit([reading(name, ts, p="1.5") for name in "ab"])
            self.bench.run(0.1)
            self.assertEqual(self.server["Device b"].series("p")[-1][0], ts)
            delays.append(round(self.away()))
            self.bench.run(1)
        self.assertEqual(delays, [1, 2, 4, 8, 16, 32, 60, 60])
        self.assertEqual([ts for ts, _ in self.server["Device a"].series("p")], list(range(8)))
        self.assertEqual((self.bench.outbox.waiting, self.bench.lost), ([], []))
        self.bench.run(310)
        self.put_out()
        self.assertLessEqual(self.away(), 1.5)

    def test_a_backlog_waits_in_order(self) -> None:
        self.put_out()
        self.bench.outbox.commit([reading(name, ts, p="1") for ts in range(1500) for name in "ab"])
        self.bench.run(0.5)
        self.assertEqual(self.server["Device a"].series("p"), [])
        self.bench.run(5)
        for name in "ab":
            stamps = [ts for ts, _ in self.server[f"Device {name}"].series("p")]
            self.assertEqual(stamps, list(range(1500)))
        self.assertEqual((self.bench.outbox.waiting, self.bench.lost), ([], []))

    def test_a_new_connection_lets_it_alone_as_long(self) -> None:
        for _ in range(4):
            self.put_out()
            self.away()
        self.put_out()
        self.server.restart()
        self.bench.run(8)
        self.assertEqual(len(self.server.connects), 2)
        self.assertIsNone(self.server["Device a"].link)
        self.assertLess(self.away(), 9)

    def test_the_operator_reads_why(self) -> None:
        self.put_out()
        status = self.bench.status
        why = "ThingsBoard ended the session of device Device a: message rate too high (0x96)"
        self.assertEqual((status.error, status.state.value), (f"a: {why}", "connected"))
        self.assertIn("rate limits", status.advice)
        down = [one for one in self.bench.links if one.meter == "a"]
        self.assertEqual([(one.up, one.error, one.cause) for one in down], [(False, why, "rate")])
        self.away()
        self.bench.run(1)
        verdict = self.bench.status.verdict
        assert verdict is not None
        self.assertEqual((verdict.cause, verdict.confidence > 0.9), (CloseCause.RATE, True))
        up = self.bench.links[-1]
        self.assertEqual((up.meter, up.up), ("a", True))
        self.bench.run(310)
        self.assertEqual((self.bench.status.error, self.bench.status.verdict), ("", None))

    def test_other_reasons(self) -> None:
        self.put_out(reason=OTHER)
        self.assertIn("unspecified error (0x80)", self.bench.status.error)
        self.assertEqual(self.bench.links[-1].cause, "unknown")
        self.assertIsNone(self.bench.status.verdict)
        self.assertEqual(str(evicted("x", True)), "ThingsBoard ended the session of device x")
        self.assertIn("unknown reason (0x1", str(evicted("x", 0x1234)))

    def test_version_311_hears_of_none(self) -> None:
        self.begin(311)
        self.put_out()
        self.bench.run(2)
        self.assertIsNone(self.server["Device a"].link)
        self.bench.outbox.commit([reading("a", 1, p="1.5")])
        self.bench.run(1)
        self.assertEqual(self.server["Device a"].series("p"), [(1, 1.5)])

    def test_several_answers_to_one_window_are_one_eviction(self) -> None:
        now = 0.0
        evictions = Evictions(lambda: now)
        for _ in range(3):
            evictions.add("a", evicted("A", 150))
        self.assertEqual((evictions.wait(), "a" in evictions, "b" in evictions), (1.0, True, False))
        now = 1.0
        self.assertEqual((list(evictions.returned()), "a" in evictions), (["a"], False))
        self.assertEqual((evictions.wait(), list(evictions.returned())), (300.0, []))

    def test_notices_that_mean_nothing(self) -> None:
        session = self.server.sessions[0]
        bodies: tuple[object, ...] = (
            {"device": "stranger", "reason": 150},
            {"device": 7},
            {},
            [],
            "x",
        )
        for body in bodies:
            session.send("v1/gateway/disconnect", body)
        self.bench.run(1)
        self.assertEqual(self.bench.status.error, "")
        self.assertIsNotNone(self.server["Device a"].link)
        stopping = self.bench.stop()
        self.bench.run(1)
        self.successResultOf(stopping)
        self.assertEqual(self.bench.clock.getDelayedCalls(), [])

    def test_a_stop_while_one_waits_leaves_no_timer(self) -> None:
        self.put_out()
        stopping = self.bench.stop()
        self.bench.run(1)
        self.successResultOf(stopping)
        self.assertEqual(self.bench.clock.getDelayedCalls(), [])
