"""Ids, meters added by API, overrides, and the trail of who changed them."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from dlmsd.errors import StoreError
from dlmsd.sealing import Seal, SealError
from dlmsd.secret import Secret
from dlmsd.store.own import Override, OwnMeasurement, OwnMeter
from dlmsd.store.registry import NameTakenError, NoSuchMeterError
from dlmsd.store.serials import Incumbent
from tests.store.registry_case import DAY, RegistryCase

METER = OwnMeter(
    "planta-a",
    {"host": "10.0.0.1", "profile": "microstar", "interval": Decimal("2.50"), "port": 3333},
    {"password": Secret("canary-22222222"), "token": Secret("canary-token")},
    (
        OwnMeasurement("voltage_l1"),
        OwnMeasurement("x", "1-1:14.7.0", enabled=False, sampling_interval=60.0, tb_key="f"),
    ),
)


class IdTests(RegistryCase):
    def test_by_name_and_kept(self) -> None:
        first = self.done(self.registry.configured(["a", "b"]))
        self.assertEqual(first, {"a": 1, "b": 2})
        self.again()
        self.assertEqual(self.done(self.registry.configured(["b", "c"])), {"b": 2, "c": 3})

    def test_never_used_again(self) -> None:
        self.done(self.registry.configured(["a", "b"]))
        self.done(self.registry.configured(["a"]))
        self.now += 1828 * DAY
        self.done(self.registry.sweep())
        self.assertEqual(self.look("SELECT name FROM meters"), [("a",)])
        self.assertEqual(self.done(self.registry.configured(["c", "a"])), {"c": 3, "a": 1})

    def test_an_added_meter_keeps_its_id_however_old(self) -> None:
        number = self.done(self.registry.add(METER, "api"))
        self.now += 4000 * DAY
        self.done(self.registry.sweep())
        self.assertEqual([one.id for one in self.done(self.registry.meters())], [number])


class OwnMeterTests(RegistryCase):
    def test_comes_back_as_it_was(self) -> None:
        number = self.done(self.registry.add(METER, "api"))
        self.again()
        (found,) = self.done(self.registry.meters())
        self.assertEqual(found.id, number)
        self.assertEqual(found.options, METER.options)
        self.assertEqual(str(found.options["interval"]), "2.50")
        self.assertEqual(found.secrets, METER.secrets)
        self.assertEqual(found.measurements, METER.measurements)
        self.assertEqual(found.created_at, int(self.now * 1000))

    def test_replaced_and_removed(self) -> None:
        number = self.done(self.registry.add(METER, "api"))
        self.now += 5
        again = OwnMeter("planta-a", {"host": "10.0.0.2"})
        self.assertEqual(self.done(self.registry.replace(again, "api")), number)
        (found,) = self.done(self.registry.meters())
        self.assertEqual((found.options, found.secrets), ({"host": "10.0.0.2"}, {}))
        self.assertEqual(found.measurements, ())
        self.assertEqual(found.updated_at - found.created_at, 5000)
        self.done(self.registry.override("planta-a", Override("inactive"), "api"))
        self.done(self.registry.serials.put({"planta-a": Incumbent("1")}))
        self.done(self.registry.remove("planta-a", "api"))
        self.assertEqual(self.done(self.registry.meters()), ())
        self.assertEqual(self.done(self.registry.overrides()), {})
        # Who adds one of this name says that it is the one.
        self.assertEqual(self.done(self.registry.serials.all()), {})
        self.assertEqual(self.done(self.registry.add(METER, "api")), number)

    def test_wrong_names(self) -> None:
        self.done(self.registry.add(METER, "api"))
        self.refused(self.registry.add(METER, "api"), NameTakenError)
        self.refused(self.registry.replace(OwnMeter("b", {}), "api"), NoSuchMeterError)
        self.refused(self.registry.remove("b", "api"), NoSuchMeterError)
        self.assertEqual(self.look("SELECT count(*) FROM audit"), [(1,)])

    def test_trail(self) -> None:
        self.done(self.registry.add(METER, "ana"))
        self.done(self.registry.override("planta-a", Override("inactive", 9.5), "leo"))
        newest, first = self.done(self.registry.audit.list())
        self.assertEqual(
            (first.who, first.action, first.subject), ("ana", "meter added", "planta-a")
        )
        self.assertEqual(first.detail, "host, interval, password, port, profile, token")
        self.assertEqual((newest.who, newest.detail), ("leo", "status inactive, interval 9.5"))

    def test_secrets_are_in_no_repr(self) -> None:
        self.done(self.registry.add(METER, "api"))
        self.assertNotIn("canary", repr(self.done(self.registry.meters())))


class OverrideTests(RegistryCase):
    def test_set_changed_and_taken_back(self) -> None:
        self.done(self.registry.override("a", Override("inactive"), "api"))
        self.done(self.registry.override("b", Override(None, 2.0), "api"))
        self.again()
        wanted = {"a": Override("inactive"), "b": Override(None, 2.0)}
        self.assertEqual(self.done(self.registry.overrides()), wanted)
        self.done(self.registry.override("a", Override(), "api"))
        self.done(self.registry.override("b", Override("active", 3.0), "api"))
        self.assertEqual(self.done(self.registry.overrides()), {"b": Override("active", 3.0)})


class SealedTests(RegistryCase):
    key: Secret | None = Secret(bytes(range(32)))

    def test_nothing_of_a_secret_is_in_the_file(self) -> None:
        self.done(self.registry.add(METER, "api"))
        self.again()
        self.assertEqual(self.done(self.registry.meters())[0].secrets, METER.secrets)
        self.done(self.registry.stop())
        self.assertNotIn(b"canary", self.path.read_bytes())

    def test_a_new_name_comes_with_its_secrets_or_not_at_all(self) -> None:
        self.done(self.registry.add(METER, "api"))

        def full(*_: object) -> bytes:
            raise StoreError("the disk is full")

        self.patch(Seal, "close", full)
        renamed = evolve(METER, name="planta-b")
        self.refused(self.registry.rename("planta-a", renamed, "api"), StoreError)
        (meter,) = self.done(self.registry.meters())
        self.assertEqual((meter.name, meter.locked), ("planta-a", ""))
        self.assertEqual(meter.secrets, METER.secrets)

    def test_another_key_or_none(self) -> None:
        self.done(self.registry.add(METER, "api"))
        for key in (Secret(bytes(32)), None):
            self.key = key
            self.again()
            (meter,) = self.done(self.registry.meters())
            self.assertEqual((meter.name, meter.secrets), ("planta-a", {}))
            self.assertIn("planta-a", meter.locked)

    def test_a_key_that_comes_later_seals_what_lay_open(self) -> None:
        self.key = None
        self.again()
        self.done(self.registry.add(METER, "api"))
        self.assertIn(b"canary", self.look("SELECT secrets FROM own_meters")[0][0])
        self.key = SealedTests.key
        self.again()
        self.assertNotIn(b"canary", self.look("SELECT secrets FROM own_meters")[0][0])
        self.assertEqual(self.done(self.registry.meters())[0].secrets, METER.secrets)

    def test_belongs_to_its_meter(self) -> None:
        seal = Seal(self.key, self.draw)
        closed = seal.close("a", {"password": Secret("x")})
        self.assertRaises(SealError, seal.open, "b", closed)
        self.assertNotEqual(seal.close("a", {"password": Secret("x")}), closed)

    @given(st.dictionaries(st.text(), st.text()), st.text(), st.booleans())
    @settings(max_examples=50)
    def test_any_secret(self, secrets: dict[str, str], owner: str, sealed: bool) -> None:
        # Lone surrogates are no UTF-8, so no secret of a file or of JSON has them.
        def clean(text: str) -> str:
            return text.encode("utf-8", "ignore").decode()

        owner = clean(owner)
        wanted = {clean(key): Secret(clean(value)) for key, value in secrets.items()}
        seal = Seal(self.key if sealed else None, self.draw)
        self.assertEqual(seal.open(owner, seal.close(owner, wanted)), wanted)
