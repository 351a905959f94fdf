"""What meters say unasked while they are read: readings, answers where wanted, and the log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import evolve
from twisted.logger import globalLogPublisher

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.block import GeneralBlockTransfer
from dlmsd.dlms.xdlms.described import DescribedNotification
from dlmsd.dlms.xdlms.long_invoke import encode_long_invoke
from dlmsd.dlms.xdlms.notification import DataNotificationConfirm
from dlmsd.errors import StoreError
from dlmsd.simulator.personality import (
    GBT,
    GBT_WRAPPER,
    MICROSTAR,
    SECURE,
    SHORT_NAMES,
    WRAPPER,
    Personality,
)
from tests.meter.fleet import NAMES, FleetCase, wanted
from tests.meter.test_services import CIPHERED, MODERN, SERIAL

VOLTAGE = wanted("voltage_l1").attribute
CURRENT = wanted("current_l1").attribute
FORMS: tuple[tuple[Personality, dict[str, Any]], ...] = (
    (MICROSTAR, {}),
    (WRAPPER, {"framing": "wrapper"}),
    (SHORT_NAMES, {"referencing": "sn"}),
    (SECURE, CIPHERED),
)
CONFIRM = DataNotificationConfirm(encode_long_invoke(7)).encode()
BY_NAME = tuple(form for form in FORMS if form[0] is not SHORT_NAMES)


class NewsCase(FleetCase):
    def begin(self, personality: Personality = MODERN, **changes: Any) -> None:
        """A meter that is read each 5 s, and is between two cycles."""
        self.sent: list[bytes] = []
        self.heard: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)
        self.trace = lambda direction, octets: (
            self.sent.append(octets) if direction == "sent" else None
        )
        self.simulate(personality=personality)
        self.read(self.options(**changes))
        self.run_for(3)
        self.assertEqual(len(self.readings), 1)

    def log(self, event: dict[str, Any]) -> None:
        if "told unasked" in (event.get("log_format") or ""):
            self.heard.append(event)

    def unanswered(self) -> int:
        """Requests that have no answer."""
        (status,) = self.statuses.values()
        return status.requests - status.responses


class ReadingTests(NewsCase):
    def test_the_value_of_what_is_read_is_a_reading(self) -> None:
        for personality, changes in FORMS:
            with self.subTest(personality=personality.name):
                self.setUp()
                self.begin(personality, **changes)
                self.simulation.report("virtual-001", [VOLTAGE])
                self.run_for(0.1)
                cycle, news = self.readings
                self.assertEqual(set(news.values), {"voltage_l1"})
                self.assertTrue(220 < news.values["voltage_l1"] < 240)
                self.assertTrue(cycle.ts < news.ts)
                self.assertTrue(0 <= self.wall() * 1000 - news.ts < 100)
                status = self.statuses["virtual-001"]
                self.assertEqual(status.good, 1)
                self.assertEqual(status.values, {**cycle.values, **news.values})
                # The cycles go on as if nothing had been said.
                self.run_for(10)
                self.assertEqual([len(one.values) for one in self.readings], [5, 1, 5, 5])
                self.assertEqual((self.unanswered(), status.failed), (0, 0))
                self.end()

    def test_several_in_one(self) -> None:
        self.begin(SHORT_NAMES, referencing="sn")
        self.simulation.report("virtual-001", [CURRENT, SERIAL, VOLTAGE])
        self.run_for(0.1)
        self.assertEqual(set(self.readings[1].values), {"voltage_l1", "current_l1"})

    def test_what_is_not_read_is_told_in_the_log_and_counted(self) -> None:
        self.begin()
        for _ in range(3):
            self.simulation.report("virtual-001", [SERIAL])
            self.run_for(0.5)
        self.assertEqual(len(self.readings), 1)
        self.assertEqual(
            [event["log_level"].name for event in self.heard], ["info"] + ["debug"] * 2
        )
        for event in self.heard:
            self.assertEqual(event["meter"], "virtual-001")
            self.assertIn("0-0:96.1.0", event["apdu"])
        self.run_for(5)
        self.assertEqual(self.statuses["virtual-001"].notifications, 3)
        self.assertEqual(len(self.readings), 2)

    def test_a_flood_is_one_reading_a_second(self) -> None:
        self.begin()
        for _ in range(30):
            self.simulation.report("virtual-001", [VOLTAGE])
            self.run_for(0.05)
        self.assertEqual(len(self.readings), 3)

    def test_none_is_kept_where_none_can_be(self) -> None:
        self.begin()
        self.obstacle = StoreError("the disk is full")
        self.simulation.report("virtual-001", [VOLTAGE])
        self.run_for(0.1)
        self.assertEqual(len(self.readings), 1)
        self.assertEqual(len(self.heard), 1)


class DescribedTests(NewsCase):
    """The Czech form: attribute descriptors that have no tag stand beside the values."""

    def tell(self, invoke: int) -> None:
        values = ((VOLTAGE, Data(Tag.LONG_UNSIGNED, 2301)), (SERIAL, Data(Tag.UNSIGNED, 1)))
        push = DescribedNotification(invoke, None, values).encode()
        ((_, factory),) = self.simulation._listening
        for connection in factory._connections:
            connection.transport.write(WrapperFrame(1, 1, push).encode())
        self.run_for(0.1)

    def test_between_two_cycles(self) -> None:
        self.begin(WRAPPER, framing="wrapper")
        before = len(self.sent)
        self.tell(7)
        self.assertEqual(self.readings[1].values, {"voltage_l1": Decimal("230.1")})
        self.assertEqual((len(self.heard), len(self.sent)), (1, before))
        self.assertIn("0-0:96.1.0", self.heard[0]["apdu"])
        self.tell(encode_long_invoke(7))
        self.assertEqual(self.sent[before:], [WrapperFrame(1, 1, CONFIRM).encode()])
        self.run_for(10)
        self.assertEqual([len(one.values) for one in self.readings], [5, 1, 5, 5])
        self.assertEqual(self.unanswered(), 0)

    def test_while_an_answer_is_due(self) -> None:
        self.begin(evolve(WRAPPER, response_delay=0.5), framing="wrapper", interval=20.0)
        requests = len(self.sent) + 1
        while len(self.sent) < requests:
            self.run_for(0.1)
        self.tell(7)
        self.assertEqual([len(one.values) for one in self.readings], [5, 1])
        self.run_for(10)
        self.assertEqual([len(one.values) for one in self.readings], [5, 1, 5])
        self.assertEqual(self.unanswered(), 0)


class InBlocksTests(NewsCase):
    """News too long for one APDU come in blocks of general block transfer, unacknowledged."""

    FORMS = (
        (GBT, {"gbt_window": 6}),
        (GBT_WRAPPER, {"gbt_window": 6, "framing": "wrapper"}),
    )
    MANY = (*(wanted(name).attribute for name in NAMES), SERIAL)

    def test_between_two_cycles(self) -> None:
        for personality, changes in self.FORMS:
            with self.subTest(personality=personality.name):
                self.setUp()
                self.begin(personality, **changes)
                before = len(self.sent)
                self.simulation.report("virtual-001", self.MANY, confirmed=True)
                self.run_for(0.1)
                self.assertEqual(set(self.readings[1].values), set(NAMES))
                # The confirmation, and no acknowledgement: the meter offers no window.
                self.assertEqual(len(self.sent), before + 1)
                self.assertIn(b"\x10\xc0\x00\x00\x01\x00", self.sent[-1])
                self.run_for(10)
                self.assertEqual([len(one.values) for one in self.readings], [5, 5, 5, 5])
                self.assertEqual(self.unanswered(), 0)
                self.assertEqual(self.statuses["virtual-001"].notifications, 1)
                self.end()

    def test_the_rest_of_them_is_lost(self) -> None:
        self.begin(GBT_WRAPPER, framing="wrapper", gbt_window=6)
        block = GeneralBlockTransfer(False, True, 0, 1, 0, b"\x0f\xc0").encode()
        ((_, factory),) = self.simulation._listening
        for connection in factory._connections:
            connection.transport.write(WrapperFrame(1, 1, block).encode())
        self.run_for(10)
        self.assertEqual([len(one.values) for one in self.readings], [5, 5, 5])
        self.simulation.report("virtual-001", self.MANY, confirmed=True)
        self.run_for(0.1)
        self.assertEqual(len(self.readings), 4)


class ConfirmedTests(NewsCase):
    """A DataNotification that wants to be confirmed (IEC 62056-5-3 clause 9.3.10)."""

    def confirmations(self) -> list[bytes]:
        found = [one for one in self.sent if b"\x10\xc0\x00\x00" in one]
        return [one[one.index(b"\x10\xc0\x00\x00") :][:6] for one in found]

    def test_between_two_cycles(self) -> None:
        for personality, changes in BY_NAME:
            with self.subTest(personality=personality.name):
                self.setUp()
                self.begin(personality, **changes)
                before = len(self.sent)
                self.simulation.report("virtual-001", [VOLTAGE, SERIAL], confirmed=True)
                self.run_for(0.1)
                self.assertEqual(set(self.readings[1].values), {"voltage_l1"})
                self.assertEqual(len(self.sent), before + 1)
                if personality is not SECURE:
                    confirm = DataNotificationConfirm(encode_long_invoke(1)).encode()
                    self.assertEqual(self.confirmations(), [confirm])
                self.run_for(10)
                self.assertEqual([len(one.values) for one in self.readings], [5, 1, 5, 5])
                self.assertEqual(self.unanswered(), 0)
                self.end()

    def test_while_an_answer_is_due(self) -> None:
        """It is our turn to send when the answer is there, and not before."""
        self.begin(evolve(WRAPPER, response_delay=0.5), framing="wrapper", interval=20.0)
        requests = len(self.sent) + 1
        while len(self.sent) < requests:
            self.run_for(0.1)
        value = encode(Data(Tag.LONG_UNSIGNED, 2301)).hex()
        objects = encode(Data(Tag.ARRAY, (CaptureObject(VOLTAGE).data,))).hex()
        push = bytes.fromhex(f"0F C0000001 00 0202 {objects} {value}")
        ((_, factory),) = self.simulation._listening
        for connection in factory._connections:
            connection.transport.write(WrapperFrame(1, 1, push).encode())
        self.run_for(0.1)
        self.assertEqual(self.readings[1].values, {"voltage_l1": Decimal("230.1")})
        self.assertEqual((len(self.sent), self.confirmations()), (requests, []))
        self.run_for(10)
        self.assertEqual(self.confirmations(), [bytes.fromhex("10C000000100")])
        self.assertEqual([len(one.values) for one in self.readings], [5, 1, 5])
        self.assertEqual(self.unanswered(), 0)

    def test_what_is_not_read_is_confirmed_too(self) -> None:
        self.begin()
        self.simulation.report("virtual-001", [SERIAL], confirmed=True)
        self.run_for(0.1)
        self.assertEqual(len(self.confirmations()), 1)
        self.assertEqual((len(self.readings), len(self.heard)), (1, 1))
