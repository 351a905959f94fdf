from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import MeterError
from dlmsd.publish.works import LONGEST, MOST
from tests.publish.bench import Bench, meter
from tests.publish.outbox import reading

REQUEST, RESPONSE = "dlmsd/bridge/request/", "dlmsd/bridge/response/"


class RequestsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.begin()

    def begin(self, **options: Any) -> None:
        self.bench = Bench(meter("a"), meter("b", sinks=("other",)), **options)
        self.bench.start()

    def ask(self, name: str, body: Any = b"", **options: Any) -> list[Any]:
        """What is answered to it in half a second."""
        before = len(self.bench.broker.published)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.bench.broker.tell(REQUEST + name, raw, **options)
        self.bench.run(0.5)
        found = self.bench.broker.published[before:]
        self.assertEqual({one.topic for one in found} - {RESPONSE + name}, set())
        self.assertFalse(any(one.retain for one in found))
        return [json.loads(one.payload) for one in found]

    def error(self, name: str, body: Any = b"") -> str:
        [answer] = self.ask(name, body)
        self.assertEqual(answer["status"], "error")
        return str(answer["error"])


class AnswerTests(RequestsCase):
    def test_read_now_is_answered_when_it_is_read(self) -> None:
        for protocol in (5, 311):
            self.begin(protocol=protocol)
            self.assertEqual(self.ask("read_now", {"meter": "a", "transaction": [1, "x"]}), [])
            self.bench.orders.readings[0].callback(reading("a", 7, energy="136.50"))
            self.bench.run(0.5)
            last = self.bench.broker.published[-1]
            self.assertEqual(last.topic, f"{RESPONSE}read_now")
            self.assertEqual(
                last.payload,
                b'{"status":"ok","data":{"meter":"a","ts":7,"values":{"energy":136.50}},'
                b'"transaction":[1,"x"]}',
            )

    def test_a_meter_that_cannot_be_read(self) -> None:
        self.ask("read_now", {"meter": "a"})
        self.bench.orders.readings[0].errback(MeterError("it is asleep"))
        self.bench.run(0.5)
        answer = json.loads(self.bench.broker.published[-1].payload)
        self.assertEqual((answer["status"], answer["error"]), ("error", "it is asleep"))
        self.assertNotIn("transaction", answer)

    def test_the_others(self) -> None:
        [answer] = self.ask("get_status")
        self.assertEqual(answer, {"status": "ok", "data": {"exact": 136.5}})
        [answer] = self.ask("get_status", {"meter": "a", "transaction": 0})
        self.assertEqual(answer["transaction"], 0)
        [answer] = self.ask("reconnect", {"meter": "a"})
        self.assertEqual(answer["data"], {"meter": "a"})
        [answer] = self.ask("reload", {})
        self.assertEqual(answer["data"]["added"], ["x"])
        expected = [("status", None), ("status", "a"), ("reconnect", "a"), ("reload", "sink s")]
        self.assertEqual(self.bench.orders.asked, expected)

    def test_figures(self) -> None:
        [answer] = self.ask("get_stats", {"meter": "a"})
        data = answer["data"]
        self.assertEqual((data["now"]["good"], data["now"]["success_rate"]), (3, 75.0))
        self.assertEqual((data["day"]["good"], data["day"]["success_rate"]), (9, 90.0))
        self.assertEqual(data["day"]["cycle_seconds"], {"least": 1.0, "average": 1.5, "most": 2.0})

    def test_rows_of_a_load_profile(self) -> None:
        [answer] = self.ask("read_profile", {"meter": "a", "from": 5, "to": 20})
        rows = [{"ts": 5, "values": {"e": 1.5}}]
        units = {"e": "Wh"}
        expected = {"meter": "a", "units": units, "rows": rows, "complete": False, "next": 9}
        self.assertEqual(answer["data"], expected)

    def test_what_changes_something_tells_who_asked(self) -> None:
        [answer] = self.ask("set_clock", {"meter": "a"})
        self.assertEqual(
            answer["data"], {"meter": "a", "before": 7.5, "after": 0.0, "uncertainty": 0.5}
        )
        self.ask("set_clock", {"meter": "a", "force": True})
        [answer] = self.ask("disconnect_supply", {"meter": "a"})
        self.assertEqual(
            answer["data"], {"meter": "a", "connected": False, "state": "disconnected"}
        )
        [answer] = self.ask("reconnect_supply", {"meter": "a"})
        self.assertTrue(answer["data"]["connected"])
        expected = ["set_clock by sink s", "set_clock by sink s by force"]
        expected += ["switch off by sink s", "switch on by sink s"]
        self.assertEqual(self.bench.orders.asked, [(one, "a") for one in expected])

    def test_answers_go_to_the_connection_that_is(self) -> None:
        self.ask("read_now", {"meter": "a", "transaction": 1})
        self.bench.broker.drop()
        self.bench.run(5)
        self.bench.orders.readings[0].callback(reading("a", 7))
        self.bench.run(0.5)
        last = self.bench.broker.published[-1]
        self.assertEqual((last.connection, last.topic), (1, f"{RESPONSE}read_now"))


class BadTests(RequestsCase):
    def test_each_is_told_what_is_wrong(self) -> None:
        for name, body, words in (
            ("read_now", b"{", "no request"),
            ("read_now", b"\xff\xfe", "no request"),
            ("read_now", b"[]", "no request"),
            ("read_now", b"null", "no request"),
            ("read_now", {"meter": 5}, "no request"),
            ("read_now", {"meter": "a", "hurry": True}, "no request"),
            ("read_now", b"[" * 4000, "no request"),
            ("read_now", b"x" * (LONGEST + 1), f"a request of {LONGEST + 1} bytes"),
            ("read_now", {}, "no meter is named"),
            ("reconnect", b"", "no meter is named"),
            ("read_now", {"meter": "b"}, "'b' is no meter of this sink"),
            ("get_status", {"meter": "\n" * 99}, "is no meter of this sink"),
            ("reload", {"meter": "a"}, "no meter is named"),
            ("read_profile", {"meter": "a"}, "no request: Object missing required field `from`"),
            ("read_profile", {"meter": "a", "from": "x", "to": 1}, "no request"),
            ("read_profile", {"meter": "a", "from": -1, "to": 1}, "no request"),
            ("read_profile", {"meter": "a", "from": 0, "to": 10**20}, "no request"),
            ("read_profile", {"meter": "a", "from": 2, "to": 1}, "'to' is before 'from'"),
            ("set_clock", {"meter": "a", "force": 1}, "no request"),
            ("disconnect_supply", {}, "no meter is named"),
            ("disconnect_supply", {"meter": "b"}, "'b' is no meter of this sink"),
            ("format_disk", b"", "'format_disk' is no request; there are: get_status, get_stats"),
        ):
            self.assertIn(words, self.error(name, body))
        self.assertEqual(self.bench.orders.asked, [])

    @given(st.binary(max_size=200))
    def test_whatever_comes_is_answered_and_stops_nothing(self, body: bytes) -> None:
        self.assertEqual(len(self.ask("get_status", body)), 1)
        self.assertEqual(len(self.bench.broker.connects), 1)

    def test_a_fault_of_ours(self) -> None:
        self.bench.orders.broken = ZeroDivisionError()
        self.assertIn("a fault of dlmsd", self.error("reconnect", {"meter": "a"}))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_one_that_the_broker_keeps_is_not_carried_out(self) -> None:
        self.assertEqual(self.ask("reconnect", {"meter": "a"}, retain=True), [])
        self.assertEqual(self.bench.orders.asked, [])

    def test_no_more_than_so_many_at_once(self) -> None:
        for _ in range(MOST):
            self.assertEqual(self.ask("read_now", {"meter": "a"}), [])
        self.assertIn("under way already", self.error("read_now", {"meter": "a"}))
        for one in self.bench.orders.readings:
            one.callback(reading("a", 1))
        self.bench.run(2)
        self.assertEqual(len(self.ask("get_status")), 1)
        self.assertEqual(len(self.bench.broker.published), 2 + MOST + 2)

    def test_deliveries_go_on_meanwhile(self) -> None:
        self.ask("read_now", {"meter": "a"})
        self.bench.outbox.commit([reading("a", 1)])
        self.bench.run(0.5)
        self.assertEqual(self.bench.outbox.waiting, [])


class SubscriptionTests(RequestsCase):
    def test_info(self) -> None:
        info = json.loads(self.bench.broker.retained["dlmsd/bridge/info"])
        self.assertIn("read_now", info["requests"])
        self.assertEqual(len(info["requests"]), 9)
        self.begin(requests=False)
        info = json.loads(self.bench.broker.retained["dlmsd/bridge/info"])
        self.assertEqual((info["requests"], info["topic"]), ([], "dlmsd/{meter}"))
        expected = ["dlmsd/status", "dlmsd/bridge/discovery/+/+"]
        self.assertEqual(self.bench.broker.subscribed, expected)

    def test_an_answer_that_the_broker_does_not_take(self) -> None:
        """MaximumPacketSize of 400 bytes: the broker would close upon it."""
        self.bench = Bench(meter("a"))
        self.bench.broker.connack_properties = b"\x27\0\0\x01\x90"
        self.bench.start()
        self.assertEqual(self.ask("read_now", {"meter": "a", "transaction": 7}), [])
        self.bench.orders.readings[0].callback(
            reading("a", 7, **{f"value_{n}": "1" for n in range(40)})
        )
        self.bench.run(0.5)
        answer = self.bench.broker.published[-1]
        told = json.loads(answer.payload)
        self.assertEqual((answer.topic, told["status"]), (RESPONSE + "read_now", "error"))
        self.assertEqual(told["transaction"], 7)
        self.assertIn("larger than what the broker takes", told["error"])
        # Nor is any other message sent that is larger, which is but logged.
        topics = [one.topic for one in self.bench.broker.published]
        self.assertIn("dlmsd/status", topics)
        self.assertEqual(max(len(one.payload) for one in self.bench.broker.published) < 400, True)

    def test_a_broker_that_closes_upon_a_subscription(self) -> None:
        """Deliveries arrive all the same, and none is suspected of it."""
        self.bench = Bench(meter("a"))
        self.bench.broker.closing = True
        self.bench.outbox.commit([reading("a", ts) for ts in range(100)])
        self.bench.start()
        self.bench.run(30)
        self.assertEqual(self.bench.outbox.waiting, [])
        self.assertEqual(sorted(set(self.bench.stamps())), list(range(100)))
        self.assertFalse(self.bench.outbox.isolated)
        count = len(self.bench.broker.connects)
        self.bench.run(600)
        self.assertEqual(len(self.bench.broker.connects), count)
