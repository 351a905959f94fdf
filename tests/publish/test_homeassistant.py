from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.measurements import REGISTER
from dlmsd.config.topics import Topics
from dlmsd.config.values import Measurement, MeterOptions
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.catalogue import lookup
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.units import UNITS
from dlmsd.model import MeterState, MeterStatus, Value
from dlmsd.publish.homeassistant import BIRTH, MOST, Discovery
from dlmsd.publish.message import Message
from dlmsd.publish.packets import MAX_PACKET
from tests.publish.bench import Bench, meter
from tests.publish.discovery_schema import check

ENERGY, POWER = Decimal("136.50"), Decimal(6453)


def measurement(key: str, code: str = "", every: float = 0.0) -> Measurement:
    known = lookup(key)
    obis = Obis.parse(code) if code or known is None else known.attribute.obis
    return Measurement(key, AttributeDescriptor(REGISTER, obis, 2), key, every=every)


def status(name: str, units: dict[str, str] | None = None, /, **values: Value) -> MeterStatus:
    known = {"active_energy": "kWh", "active_power": "W", "voltage_l1": "V"}
    return MeterStatus(
        name, "h:1", "p", 5.0, MeterState.READING, values=values, units=units or known
    )


def document_of(said: Iterable[tuple[str, Message]]) -> tuple[str, Message]:
    """The one document among what is said; its note is said before it."""
    said = list(said)
    found = [one for one in said if one[0].startswith("homeassistant/")]
    assert len(found) == 1, said
    assert said.index(found[0]) > 0, said
    return found[0]


class DocumentTests(SynchronousTestCase):
    def document(self, one: MeterStatus, **options: Any) -> dict[str, Any]:
        options.setdefault("read", [measurement(key) for key in ("active_energy", "active_power")])
        found = Discovery(Topics("dlmsd/{meter}"), [meter(one.name, **options)])
        (subject, message) = document_of(found.learn(one))
        self.assertEqual((subject, message.retain), (message.topic, True))
        return check(message.topic, message.payload)

    def test_a_whole_document(self) -> None:
        document = self.document(status("a", active_energy=ENERGY, active_power=POWER))
        identity = document["dev"]["ids"][0]
        self.assertRegex(identity, r"^dlmsd_a_[0-9a-f]{8}$")
        self.assertEqual(
            document["dev"], {"ids": [identity], "name": "Device a", "mdl": "microstar"}
        )
        self.assertEqual(document["avty"], [{"t": "dlmsd/status"}, {"t": "dlmsd/a/availability"}])
        self.assertEqual((document["avty_mode"], document["stat_t"]), ("all", "dlmsd/a"))
        self.assertEqual(
            document["cmps"]["active_energy"],
            {
                "p": "sensor",
                "uniq_id": f"{identity}_active_energy",
                "name": "Active energy",
                "dev_cla": "energy",
                "stat_cla": "total_increasing",
                "unit_of_meas": "kWh",
                "sug_dsp_prc": 2,
                "val_tpl": "{{ value_json['values'][\"active_energy\"] | default('') }}",
                "exp_aft": 30,
            },
        )

    def part(self, value: Value, unit: str, code: str, **options: Any) -> dict[str, Any]:
        read = [measurement("x", code)]
        one = status("a", {"x": unit}, x=value)
        part: dict[str, Any] = self.document(one, read=read, **options)["cmps"]["x"]
        return part

    def test_classes(self) -> None:
        for unit, code, device, state in (
            ("Wh", "1-0:1.8.0", "energy", "total_increasing"),
            ("kWh", "1-0:2.8.2", "energy", "total_increasing"),
            ("kWh", "1-0:15.8.0", "energy", "total_increasing"),
            ("kWh", "1-0:16.8.0", "energy", "total"),
            ("kWh", "1-0:56.8.0", "energy", "total"),
            ("kWh", "1-0:1.8.0*1", "energy", None),
            ("kWh", "1-0:1.29.0", "energy", None),
            ("varh", "1-0:5.8.0", "reactive_energy", "total_increasing"),
            ("kvarh", "1-0:3.8.0", "reactive_energy", "total_increasing"),
            ("kVAh", "1-0:9.8.0", None, "total_increasing"),
            ("VAh", "1-0:9.8.0", None, "total_increasing"),
            ("W", "1-0:1.7.0", "power", "measurement"),
            ("kW", "1-0:1.6.0", "power", "measurement"),
            ("var", "1-0:3.7.0", "reactive_power", "measurement"),
            ("VA", "1-0:9.7.0", "apparent_power", "measurement"),
            ("kVA", "1-0:9.7.0", None, "measurement"),
            ("V", "1-0:32.7.0", "voltage", "measurement"),
            ("A", "1-0:31.7.0", "current", "measurement"),
            ("Hz", "1-0:14.7.0", "frequency", "measurement"),
            ("", "1-0:13.7.0", "power_factor", "measurement"),
            ("", "1-0:33.7.0", "power_factor", "measurement"),
            ("", "0-0:96.13.0", None, None),
            ("°C", "0-0:96.9.0", None, None),
        ):
            part = self.part(Decimal("1.5"), unit, code)
            found = part.get("dev_cla"), part.get("stat_cla"), part.get("unit_of_meas")
            self.assertEqual(found, (device, state, unit or None), (unit, code))

    def test_every_unit_of_the_standard_is_legal(self) -> None:
        for unit in UNITS.values():
            for prefix in ("", "m", "k", "M", "G"):
                self.part(Decimal(1), prefix + unit.symbol, "1-0:1.8.0")

    def test_truth_and_text(self) -> None:
        part = self.part(True, "", "0-0:96.3.10")
        self.assertEqual(
            (part["p"], part["pl_on"], part["pl_off"]), ("binary_sensor", "True", "False")
        )
        part = self.part("ISK-0001", "", "0-0:96.1.0")
        self.assertEqual(
            (part["p"], "stat_cla" in part, "sug_dsp_prc" in part), ("sensor", False, False)
        )

    @given(st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=64))
    def test_any_key_is_one_text_in_its_template(self, key: str) -> None:
        """The literal is Python's, which is Jinja's: nothing of a key ends it early."""
        found = Discovery(Topics("dlmsd/{meter}"), [meter("a")])
        _, message = document_of(found.learn(status("a", {"": ""}, **{key: ENERGY})))
        template = check(message.topic, message.payload)["cmps"][key]["val_tpl"]
        literal = template.removeprefix("{{ value_json['values'][").removesuffix(
            "] | default('') }}"
        )
        self.assertEqual(eval(literal, {"__builtins__": {}}), key)

    def test_names(self) -> None:
        read = [measurement(key) for key in ("voltage_l1", "reactive_energy_q3")]
        one = status("a", voltage_l1=POWER, reactive_energy_q3=POWER, **{"1-0:1.7.0": POWER})
        parts = self.document(one, read=read)["cmps"]
        names = [part["name"] for part in parts.values()]
        self.assertEqual(names, ["Voltage L1", "Reactive energy Q3", "1-0:1.7.0"])

    def test_patience_is_of_the_interval(self) -> None:
        for options, every, seconds in (
            ({"interval": 5.0}, 0.0, 30),
            ({"interval": 60.0}, 0.0, 180),
            ({"interval": 60.0}, 900.0, 2700),
            ({"transport": "push", "expect_every": 900.0}, 0.0, 900),
        ):
            read = [measurement("active_energy", every=every)]
            document = self.document(status("a", active_energy=ENERGY), read=read, **options)
            self.assertEqual(document["cmps"]["active_energy"]["exp_aft"], seconds)

    def test_what_is_pushed_has_its_class_by_name_or_code(self) -> None:
        units = {"active_energy": "Wh", "1-0:16.8.0": "Wh"}
        one = status("a", units, active_energy=ENERGY, **{"1-0:16.8.0": ENERGY})
        parts = self.document(one, read=(), transport="push", serial_number="0012")["cmps"]
        states = [part["stat_cla"] for part in parts.values()]
        self.assertEqual(states, ["total_increasing", "total"])

    def test_identities_are_stable_and_never_shared(self) -> None:
        def identity(name: str, template: str = "dlmsd/{meter}") -> str:
            found = Discovery(Topics(template), [meter(name)])
            _, message = document_of(found.learn(status(name, active_energy=ENERGY)))
            return str(check(message.topic, message.payload)["dev"]["ids"][0])

        self.assertEqual(identity("Planta ñ (1)"), identity("Planta ñ (1)"))
        names = ("a b", "a.b", "a-b", "a_b", "ñ", "é")
        found = {
            identity(name, template)
            for name in names
            for template in ("dlmsd/{meter}", "x/{meter}")
        }
        self.assertEqual(len(found), 2 * len(names))

    def test_nothing_that_the_meter_has_not_given(self) -> None:
        found = Discovery(Topics("dlmsd/{meter}"), [meter("a", read=[measurement("active_power")])])
        self.assertEqual([list(found.learn(status("a"))), list(found.messages())], [[], []])
        one = status("a", active_energy=ENERGY, active_power=Decimal("NaN"))
        _, message = document_of(found.learn(one))
        self.assertEqual(list(check(message.topic, message.payload)["cmps"]), ["active_energy"])

    def test_a_document_has_bounds(self) -> None:
        found = Discovery(Topics("dlmsd/{meter}"), [meter("a" * 64)])
        values = {f"{number:064}": ENERGY for number in range(MOST + 50)}
        _, message = document_of(
            found.learn(status("a" * 64, dict.fromkeys(values, "kWh"), **values))
        )
        document = check(message.topic, message.payload)
        self.assertEqual(len(document["cmps"]), MOST)
        self.assertLess(len(message.payload), MAX_PACKET)


class DiscoveryTests(SynchronousTestCase):
    def bench(self, *meters: MeterOptions) -> Bench:
        bench = Bench(*(meters or (meter("a"), meter("b"))), home_assistant=True)
        bench.start()
        return bench

    def documents(self, bench: Bench) -> list[list[str]]:
        bench.run(0.5)
        return [
            list(check(one.topic, one.payload)["cmps"])
            for one in bench.broker.published
            if one.topic.startswith("homeassistant/")
        ]

    def test_announced_once_and_again_when_there_is_more(self) -> None:
        bench = self.bench()
        for _ in range(3):
            bench.sink.meter_status(status("a", active_energy=ENERGY))
        self.assertEqual(self.documents(bench), [["active_energy"]])
        bench.sink.meter_status(status("a", active_energy=ENERGY, active_power=POWER))
        bench.sink.meter_status(status("stranger", active_energy=ENERGY))
        self.assertEqual(self.documents(bench)[1:], [["active_energy", "active_power"]])

    def test_what_was_learnt_without_a_connection_is_told_by_the_next(self) -> None:
        bench = self.bench()
        bench.broker.listening = False
        bench.broker.drop()
        bench.run(0.5)
        bench.sink.meter_status(status("b", active_power=POWER))
        self.assertEqual(self.documents(bench), [])
        bench.broker.listening = True
        bench.run(5)
        self.assertEqual(self.documents(bench), [["active_power"]])

    def test_a_birth_is_answered_by_every_document(self) -> None:
        for version in (5, 311):
            bench = Bench(meter("a"), meter("b"), home_assistant=True, protocol=version)
            bench.start()
            for name in ("a", "b"):
                bench.sink.meter_status(status(name, active_power=POWER))
            self.assertEqual(len(self.documents(bench)), 2)
            bench.broker.tell(BIRTH, b"offline")
            self.assertEqual(len(self.documents(bench)), 2)
            bench.broker.tell(BIRTH, b"online")
            self.assertEqual(self.documents(bench)[2:], [["active_power"], ["active_power"]])
            bench.broker.tell(BIRTH, b"online", retain=True)
            self.assertEqual(len(self.documents(bench)), 4)

    def test_foreign_topics_are_left_alone(self) -> None:
        discovery = Discovery(Topics("dlmsd/{meter}"), [meter("a")])
        for topic in ("dlmsd/status", "dlmsd/x/y/availability", "other/b/availability", "dlmsd/b"):
            self.assertIsNone(discovery.told(Message(topic, b"online", retain=True)), topic)

    def test_without_the_option_nothing_of_it_is_subscribed(self) -> None:
        bench = Bench(meter("a"))
        bench.start()
        bench.sink.meter_status(status("a", active_power=POWER))
        self.assertEqual(
            (self.documents(bench), bench.broker.subscribed),
            ([], ["dlmsd/status", "dlmsd/bridge/request/+", "dlmsd/bridge/discovery/+/+"]),
        )

    def test_a_refused_subscription_costs_nothing_else(self) -> None:
        for version in (5, 311):
            bench = Bench(meter("a"), home_assistant=True, protocol=version)
            bench.broker.unheard = True
            bench.start()
            bench.sink.meter_status(status("a", active_power=POWER))
            self.assertEqual(self.documents(bench), [["active_power"]])
            self.assertEqual(len(bench.broker.connects), 1)
