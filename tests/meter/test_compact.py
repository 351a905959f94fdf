"""Measurements out of a Compact data object of a virtual meter, and of meters that tell wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.compact_data import compact_buffer
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.meter.compact import CompactReader, Unread
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.personality import MICROSTAR, SHORT_NAMES
from tests.dlms.cosem.test_compact_data import BUFFER, COLUMNS, DESCRIPTION, octets
from tests.meter.fleet import FleetCase

COMPACT = Obis.parse("0-0:66.0.1")
BOUGHT = AttributeDescriptor(3, Obis.parse("1-0:1.8.0"), 2)
SOLD = AttributeDescriptor(3, Obis.parse("1-0:2.8.0"), 2)
VOLTAGE = AttributeDescriptor(3, Obis.parse("1-1:32.7.0"), 2)


def measured(key: str, attribute: AttributeDescriptor, **options: Any) -> Measurement:
    return Measurement(key, attribute, key, **options)


BOTH = (
    measured("bought", BOUGHT, compact=COMPACT, unit="kWh"),
    measured("voltage", VOLTAGE),
    measured("sold", SOLD, compact=COMPACT),
)


class DaemonTests(FleetCase):
    def begin(self, read: Sequence[Measurement] = BOTH, **options: Any) -> None:
        self.simulate(**options)
        (meter,) = self.options(referencing=self.personality.referencing)
        self.read([evolve(meter, read=tuple(read))])

    def simulate(self, **options: Any) -> None:
        self.personality = options.get("personality", MICROSTAR)
        super().simulate(**options)

    def test_one_buffer_in_place_of_registers(self) -> None:
        for personality in (MICROSTAR, SHORT_NAMES):
            with self.subTest(personality=personality.name):
                self.setUp()
                self.begin(personality=personality)
                self.run_for(12)
                status = self.statuses["virtual-001"]
                self.assertEqual(status.absent, {})
                self.assertEqual(
                    dict(status.units), {"bought": "kWh", "voltage": "V", "sold": "Wh"}
                )
                (meter,) = self.simulation.meters
                told = meter.meter.read(BOUGHT, self.wall())
                assert isinstance(told, Data) and isinstance(told.value, int)
                last = self.readings[-1].values["bought"]
                self.assertLess(abs(last - Decimal(told.value).scaleb(-3)), 1)
                first = {name for entry in self.record for name, *_ in entry.results[:1]}
                self.assertTrue(first)
                asked = [item[:2] for entry in self.record for item in entry.results]
                self.assertEqual(asked.count(("1-0:1.8.0", 2)), 0)
                self.assertEqual(asked.count(("0-0:66.0.1", 5)), 1)
                self.assertGreater(asked.count(("0-0:66.0.1", 2)), 1)
                self.end()

    def test_a_template_that_changes(self) -> None:
        self.begin()
        self.run_for(7)
        (meter,) = self.simulation.meters
        columns = AttributeDescriptor(62, COMPACT, 3)
        told = meter.meter.read(columns, self.wall())
        assert isinstance(told, Data) and isinstance(told.value, tuple)
        own, clock, bought, sold = told.value
        turned = literal.array(own, sold, bought)
        meter.meter.write(columns, self.wall(), turned)
        before = self.readings[-1].values
        self.run_for(10)
        status = self.statuses["virtual-001"]
        self.assertEqual(status.absent, {})
        after = self.readings[-1].values
        for key in ("bought", "sold"):
            self.assertLess(abs(after[key] - before[key]), before[key] / 100)
        meter.meter.write(columns, self.wall(), literal.array(own, clock, sold))
        self.run_for(10)
        absent = self.statuses["virtual-001"].absent
        self.assertEqual(absent, {"bought": "0-0:66.0.1 does not capture it"})


class Told:
    """A session that answers by attribute of one object."""

    def __init__(self, answers: dict[int, GetResult]) -> None:
        self.answers = answers
        self.asked: list[int] = []

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        self.asked += [one.attribute for one in attributes]
        return [self.answers[one.attribute] for one in attributes]


class ReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.session = Told(
            {
                2: octets(BUFFER),
                3: Data(Tag.ARRAY, tuple(each.data for each in COLUMNS)),
                4: Data(Tag.UNSIGNED, 7),
                5: octets(DESCRIPTION),
            }
        )
        self.reader = CompactReader(self.session)

    def got(self) -> Any:
        wanted = [measured("bought", BOUGHT, compact=COMPACT)]
        (result,) = self.successResultOf(Deferred.fromCoroutine(self.reader.get(wanted)))
        return result

    def columns(self, attribute: AttributeDescriptor) -> list[str]:
        found = self.reader.columns(measured("it", attribute))
        return [one.key for one in self.successResultOf(Deferred.fromCoroutine(found))]

    def test_the_template_is_asked_for_once(self) -> None:
        for _ in range(3):
            self.assertEqual(self.got(), Data(Tag.DOUBLE_LONG_UNSIGNED, 123456))
        self.assertEqual(self.session.asked, [2, 3, 4, 5, 2, 2])

    def test_what_does_not_fit_is_asked_for_again(self) -> None:
        self.got()
        self.session.answers[2] = octets(BUFFER[:-1])
        for _ in range(2):
            self.assertIn("cut short", self.got().reason)
        self.session.answers[2] = octets(BUFFER)
        self.assertEqual(self.got().value, 123456)
        self.assertEqual(self.session.asked, [2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4, 5, 2])

    def test_refused(self) -> None:
        self.session.answers[2] = DataAccessResult.READ_WRITE_DENIED
        self.assertIs(self.got(), DataAccessResult.READ_WRITE_DENIED)
        self.session.answers |= {2: octets(BUFFER), 5: DataAccessResult.OBJECT_UNDEFINED}
        self.assertIn("its template cannot be read", self.got().reason)
        self.session.answers[5] = Data(Tag.NULL_DATA, None)
        self.assertIsInstance(self.got(), Unread)

    def test_columns(self) -> None:
        buffer = compact_buffer(COMPACT)
        keys = ["it/0-0:1.0.0", "it/1-0:1.8.0", "it/0-0:96.1.0"]
        self.assertEqual(self.columns(buffer), keys)
        self.assertEqual(self.columns(BOUGHT), ["it"])
        self.session.answers[3] = DataAccessResult.READ_WRITE_DENIED
        self.assertEqual(self.columns(buffer), ["it"])
