"""The shape of /api/status, and what hostile meters can do to it."""

from __future__ import annotations

import json
from decimal import Decimal
from types import MappingProxyType

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.board import Board
from dlmsd.model import (
    CloseCause,
    ListenerState,
    ListenerStatus,
    MeterState,
    OutboxStatus,
    Verdict,
)
from dlmsd.web import status
from dlmsd.web.status import StatusDocument, health
from tests.web.visitor import METER, NOW, OUTBOX, SINK, Visitor


class ShapeTests(SynchronousTestCase):
    def test_the_whole_document(self) -> None:
        answer = Visitor().ask("/api/status")
        self.assertEqual(answer.headers["content-type"], "application/json")
        document = answer.json
        self.assertEqual(
            list(document), ["version", "now", "meters", "sinks", "outbox", "alarms", "reload"]
        )
        self.assertEqual(document["version"], "1.2.3")
        self.assertEqual(document["now"], 1_760_000_000_000)
        self.assertEqual(
            document["meters"],
            [
                {
                    "name": "planta-a",
                    "id": 1,
                    "address": "192.168.1.127:3333",
                    "profile": "microstar",
                    "interval": 5.0,
                    "state": "reading",
                    "health": "healthy",
                    "ts": 1_759_999_997_500,
                    "values": {
                        "voltage_l1": Decimal("230.0"),
                        "active_energy": 12345678901234567890,
                    },
                    "units": {"voltage_l1": "V", "active_energy": "Wh"},
                    "older": [],
                    "absent": {"current_l1": "object-undefined"},
                    "success_rate": Decimal("98.5"),
                    "good": 197,
                    "failed": 3,
                    "missed": 0,
                    "connects": 0,
                    "cycle_seconds": 1.25,
                    "error": "",
                    "advice": "",
                    "cause": "",
                    "error_ts": None,
                    "latency": None,
                    "rung": "linked",
                    "breaker": "closed",
                    "errors": 0,
                    "losses": 0,
                    "next_attempt_ts": None,
                    "noise_bytes": 0,
                    "bad_frames": 0,
                    "notifications": 0,
                    "age_seconds": Decimal("2.5"),
                }
            ],
        )
        self.assertEqual(
            document["sinks"],
            [
                {
                    "name": "tb",
                    "kind": "thingsboard",
                    "url": "mqtt://localhost:1883",
                    "state": "connected",
                    "connections": 1,
                    "connected": 1,
                    "delivered": 195,
                    "last_delivery_ts": None,
                    "error": "",
                    "advice": "",
                    "error_ts": None,
                    "verdict": None,
                    "held": "",
                    "reconnections": 0,
                    "unechoed": 0,
                    "unechoed_topics": [],
                    "certificate_ends": None,
                    "queued": 2,
                }
            ],
        )
        self.assertEqual(document["outbox"]["queued"], {"tb": 2})
        self.assertEqual(document["outbox"]["committed"], 197)

    def test_why_a_broker_closes(self) -> None:
        verdict = Verdict(CloseCause.TAKEOVER, 0.9, ("3 closes \ud800",), 17, ("a", "b"), 9)
        visitor = Visitor()
        visitor.board.post(evolve(SINK, verdict=verdict))
        (sink,) = visitor.ask("/api/status").json["sinks"]
        self.assertEqual(
            sink["verdict"],
            {
                "cause": "takeover",
                "confidence": Decimal("0.9"),
                "evidence": ["3 closes ?"],
                "since_ts": 17,
                "meters": ["a", "b"],
                "concerned": 9,
            },
        )

    def test_listeners_for_pushes(self) -> None:
        visitor = Visitor()
        visitor.board.post(
            ListenerStatus("han", "tcp:4059", ListenerState.LISTENING, unknown=1, sender="\ud800")
        )
        (listener,) = visitor.ask("/api/status").json["listeners"]
        self.assertEqual(
            listener,
            {
                "name": "han",
                "address": "tcp:4059",
                "state": "listening",
                "connections": 0,
                "messages": 0,
                "unknown": 1,
                "sender": "?",
                "bad": 0,
                "noise_bytes": 0,
                "refused": 0,
                "error": "",
                "advice": "",
                "error_ts": None,
            },
        )

    def test_decimals_keep_their_digits(self) -> None:
        body = Visitor().ask("/api/status").body
        self.assertIn(b'"voltage_l1":230.0,"active_energy":12345678901234567890', body)

    def test_before_the_first_reading(self) -> None:
        visitor = Visitor()
        visitor.change(reading=None, values={}, recent=None)
        meter = visitor.ask("/api/status").json["meters"][0]
        self.assertEqual((meter["values"], meter["ts"], meter["age_seconds"]), ({}, None, None))
        self.assertEqual((meter["success_rate"], meter["health"]), (None, "unknown"))

    def test_a_clock_that_was_set_back(self) -> None:
        visitor = Visitor()
        visitor.now -= 3600
        self.assertEqual(visitor.ask("/api/status").json["meters"][0]["age_seconds"], 0)

    def test_frozen_mappings(self) -> None:
        visitor = Visitor()
        visitor.change(units=MappingProxyType({"voltage_l1": "kV"}))
        visitor.board.post(OutboxStatus(queued=MappingProxyType({"tb": 9})))
        document = visitor.ask("/api/status").json
        self.assertEqual(document["meters"][0]["units"], {"voltage_l1": "kV"})
        self.assertEqual(document["sinks"][0]["queued"], 9)


class HealthTests(SynchronousTestCase):
    def test_classes(self) -> None:
        for recent, expected in (
            (1.0, "healthy"),
            (0.9, "healthy"),
            (0.899, "degraded"),
            (0.5, "degraded"),
            (0.499, "critical"),
            (0.0001, "critical"),
            (0.0, "down"),
            (None, "unknown"),
        ):
            self.assertEqual(health(evolve(METER, recent=recent)), expected, recent)

    def test_states_that_say_more_than_the_rate(self) -> None:
        self.assertEqual(health(evolve(METER, state=MeterState.INACTIVE)), "inactive")
        self.assertEqual(health(evolve(METER, state=MeterState.DOWN)), "down")


class HostileTests(SynchronousTestCase):
    def test_markup_and_quotes_are_text(self) -> None:
        visitor = Visitor()
        name = '=cmd|"<script>alert(1)</script>'
        visitor.board.post(evolve(METER, name=name, error="</script>\r\n\r\ndata: x\n\n"))
        answer = visitor.ask("/api/status")
        self.assertEqual(answer.json["meters"][1]["name"], name)
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertNotIn(b"\n", answer.body)

    def test_numbers_that_json_has_no_form_for(self) -> None:
        visitor = Visitor()
        for text in ("NaN", "-Infinity", "sNaN"):
            visitor.change(values={"x": Decimal(text)})
            self.assertEqual(visitor.ask("/api/status").json["meters"][0]["values"], {"x": text})

    @given(st.text(st.characters(categories=None)), st.decimals(), st.booleans())
    def test_any_value_makes_one_line_of_json(self, text: str, number: Decimal, flag: bool) -> None:
        board = Board()
        values = {"text": text, "number": number, "flag": flag}
        board.post(evolve(METER, values=values, absent={"x": text}))
        body = StatusDocument(board, lambda: NOW, "1").whole()
        self.assertNotIn(b"\n", body)
        found = json.loads(body, parse_float=Decimal, parse_constant=self.fail)
        meter = found["meters"][0]["values"]
        self.assertEqual(meter["flag"], flag)
        self.assertEqual(meter["text"], text.encode(errors="replace").decode())
        self.assertEqual(str(Decimal(meter["number"])), str(number))


class CostTests(SynchronousTestCase):
    def test_a_meter_is_encoded_again_only_when_it_changed(self) -> None:
        board = Board()
        for number in range(50):
            board.post(evolve(METER, name=f"m{number}"))
        board.post(SINK)
        board.post(OUTBOX)
        document = StatusDocument(board, lambda: NOW, "1")
        document.whole()
        encoded: list[str] = []
        fields = status._fields
        self.patch(
            status, "_fields", lambda meter, ids: encoded.append(meter.name) or fields(meter, ids)
        )
        document.whole()
        self.assertEqual(encoded, [])
        board.post(evolve(METER, name="m7", good=198))
        body = document.whole()
        self.assertEqual(encoded, ["m7"])
        self.assertEqual(json.loads(body)["meters"][7]["good"], 198)

    def test_what_left_the_board_is_forgotten(self) -> None:
        board = Board()
        for number in range(3):
            board.post(evolve(METER, name=f"m{number}"))
        document = StatusDocument(board, lambda: NOW, "1")
        document.whole()
        del board.meters["m1"]
        self.assertEqual([m["name"] for m in json.loads(document.whole())["meters"]], ["m0", "m2"])
        self.assertEqual(list(document._encoded), ["m0", "m2"])
