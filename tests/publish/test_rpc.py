"""RPC of ThingsBoard's servers, by way of the stand-in: what a rule chain or a button asks."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import MeterError, ReadOnlyError
from dlmsd.publish.works import MOST
from tests.publish.outbox import reading
from tests.publish.test_thingsboard_server import ServedBench
from tests.thingsboard.server import NoAnswer

KINDS = ("thingsboard", "thingsboard-gateway")


class RpcCase(SynchronousTestCase):
    def begin(self, kind: str, protocol: Any = 5, **options: Any) -> None:
        """A sink for meters ``a`` and ``b``, both online."""
        self.kind = kind
        self.bench = ServedBench(kind, "a", "b", protocol=protocol, **options)
        for name in "ab":
            self.bench.sink.meter_state(name, True)
        self.bench.start()
        self.bench.run(1)

    def ask(self, method: Any, params: Any = None, device: str = "Device a") -> Deferred[Any]:
        server = self.bench.server
        asked = server.ask(server[device], method, {} if params is None else params, 30.0)
        self.bench.run(0.5)
        return asked

    def answer(self, method: Any, params: Any = None, device: str = "Device a") -> Any:
        return self.successResultOf(self.ask(method, params, device))

    def error(self, method: Any, params: Any = None, device: str = "Device a") -> str:
        answer = self.answer(method, params, device)
        self.assertEqual(set(answer), {"success", "error", "advice"})
        self.assertIs(answer["success"], False)
        return str(answer["error"])


class MethodTests(RpcCase):
    def test_each_on_both_kinds_and_versions(self) -> None:
        for kind in KINDS:
            for protocol in (5, 311):
                self.begin(kind, protocol)
                asked = self.ask("readNow")
                self.assertNoResult(asked)
                self.bench.orders.readings[0].callback(reading("a", 7, energy="136.5"))
                self.bench.run(0.5)
                expected = {"meter": "a", "ts": 7, "values": {"energy": 136.5}}
                self.assertEqual(self.successResultOf(asked), {"success": True, "data": expected})
                self.assertEqual(self.answer("getStatus")["data"], {"exact": 136.5})
                self.assertEqual(self.answer("getStats")["data"]["now"]["good"], 3)
                self.assertEqual(self.answer("reconnect")["data"], {"meter": "a"})
                rows = self.answer("readProfile", {"from": 5, "to": 20})["data"]["rows"]
                self.assertEqual(rows, [{"ts": 5, "values": {"e": 1.5}}])
                self.assertEqual(self.answer("setClock")["data"]["before"], 7.5)
                self.assertIs(self.answer("disconnectSupply")["data"]["connected"], False)
                self.assertIs(self.answer("reconnectSupply")["data"]["connected"], True)
                self.assertEqual({meter for _, meter in self.bench.orders.asked}, {"a"})
                asked_by = [one for one, _ in self.bench.orders.asked if "switch" in one]
                self.assertEqual(asked_by, ["switch off by sink s", "switch on by sink s"])

    def test_each_meter_is_asked_by_its_device(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.answer("reconnect", device="Device b")
            self.answer("reconnect")
            self.assertEqual(self.bench.orders.asked, [("reconnect", "b"), ("reconnect", "a")])

    def test_params_that_widgets_send_for_none(self) -> None:
        self.begin("thingsboard")
        for params in ("", {}):
            self.assertTrue(self.answer("reconnect", params)["success"])
        device = self.bench.server["Device a"]
        assert device.link is not None
        device.link.ask(99, "reconnect", None)
        self.bench.run(0.5)
        self.assertEqual(len(self.bench.orders.asked), 3)

    def test_the_gateway_itself(self) -> None:
        self.begin("thingsboard-gateway")
        self.assertEqual(self.answer("getStatus", device="gw")["data"], {"exact": 136.5})
        self.assertEqual(self.answer("reload", device="gw")["data"]["added"], ["x"])
        self.assertIn("no meter is named", self.error("readNow", device="gw"))
        self.assertEqual(self.bench.orders.asked, [("status", None), ("reload", "sink s")])

    def test_an_answer_that_the_server_does_not_take(self) -> None:
        """L1: over its limit it would end the session, in 3.1.1 without a word."""
        for kind in KINDS:
            for protocol in (5, 311):
                self.begin(kind, protocol, limits={"max_payload": 1000})
                asked = self.ask("readNow")
                self.bench.orders.readings[0].callback(
                    reading("a", 7, **{f"value_{n}": "1" for n in range(99)})
                )
                self.bench.run(0.5)
                answer = self.successResultOf(asked)
                self.assertIs(answer["success"], False)
                self.assertIn("larger than what the broker takes", answer["error"])
                self.assertEqual({one.error for one in self.bench.statuses}, {""})

    def test_none_where_it_is_not_wanted(self) -> None:
        for kind in KINDS:
            self.begin(kind, requests=False)
            if kind == "thingsboard":
                self.failureResultOf(self.ask("getStatus"), NoAnswer)
            else:
                self.assertNoResult(self.ask("getStatus"))
            self.assertEqual(self.bench.orders.asked, [])


class WrongTests(RpcCase):
    def test_each_is_told_what_is_wrong(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            for method, params, words in (
                ("openDoor", {}, "'openDoor' is no method; there are: getStatus, getStats"),
                ("read_now", {}, "is no method"),
                ("x" * 3000, {}, "is no method"),
                (5, {}, "no method is named"),
                ("readNow", [1], "params are no object"),
                ("readNow", "now", "params are no object"),
                ("readNow", {"hurry": True}, "no request"),
                ("readProfile", {}, "missing required field `from`"),
                ("readProfile", {"from": 2, "to": 1}, "'to' is before 'from'"),
                ("setClock", {"force": "yes"}, "no request"),
                ("getStatus", {"x": "y" * 5000}, "a request of"),
            ):
                if kind == "thingsboard-gateway" and words == "a request of":
                    continue  # its id is in what is not read
                self.assertIn(words, self.error(method, params), method)
            self.assertEqual(self.bench.orders.asked, [])
        self.begin("thingsboard")
        self.assertIn("'reload' is no method", self.error("reload"))

    def test_an_order_that_is_refused(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.bench.orders.broken = ReadOnlyError("writing is off for a")
            answer = self.answer("disconnectSupply")
            self.assertEqual((answer["success"], answer["error"]), (False, "writing is off for a"))
            self.assertIn("`writing = true`", answer["advice"])
            self.bench.orders.broken = ZeroDivisionError()
            self.assertIn("a fault of dlmsd", self.error("reconnect"))
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_device_that_is_none_of_ours(self) -> None:
        self.begin("thingsboard-gateway")
        server, gateway = self.bench.server, self.bench.server["gw"]
        stranger = server.create("Stranger")
        assert gateway.link is not None
        session: Any = gateway.link
        session._gateway._sub("Stranger")
        self.assertIn(
            "'Stranger' is no device of this gateway", self.error("readNow", {}, "Stranger")
        )
        self.assertIs(stranger.gateway, gateway)
        self.assertEqual(self.bench.orders.asked, [])

    def test_no_more_than_so_many_at_once(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            asked = [self.ask("readNow") for _ in range(MOST)]
            self.assertIn("under way already", self.error("readNow"))
            for one in self.bench.orders.readings:
                one.errback(MeterError("it is asleep"))
            self.bench.run(1)
            for one in asked:
                self.assertEqual(self.successResultOf(one)["error"], "it is asleep")
            self.assertTrue(self.answer("getStatus")["success"])

    @settings(max_examples=60, deadline=None)
    @example(b'{"device": "", "data": {"id": 5}}', "v1/gateway/rpc")
    @example(b'{"device": "x", "data": {"id": %d}}' % 10**30, "v1/gateway/rpc")
    @given(
        st.one_of(
            st.binary(max_size=60),
            st.recursive(
                st.one_of(st.none(), st.integers(), st.text(max_size=5)),
                lambda inner: st.dictionaries(
                    st.sampled_from(("device", "data", "id", "method", "params")), inner
                ),
            ).map(lambda body: json.dumps(body).encode()),
        ),
        st.sampled_from(("v1/gateway/rpc", "v1/devices/me/rpc/request/7")),
    )
    def test_whatever_comes_stops_nothing(self, body: bytes, topic: str) -> None:
        if not hasattr(self, "bench"):
            self.begin("thingsboard-gateway")
        link: Any = self.bench.server["gw"].link
        link.transport.write(link.writer.publish(topic, body, 1))
        self.bench.run(0.3)
        self.assertTrue(self.answer("getStatus")["success"])
        self.assertEqual(len(self.bench.server.connects), 1)

    def test_deliveries_go_on_meanwhile(self) -> None:
        for kind in KINDS:
            self.begin(kind)
            self.ask("readNow")
            self.bench.outbox.commit([reading("a", 1, p="1.5")])
            self.bench.run(0.5)
            self.assertEqual((self.bench.outbox.waiting, self.bench.lost), ([], []))
