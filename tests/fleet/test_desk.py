"""What an operator changes of meters: judged first, in force at once, or taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dlmsd.errors import ConfigurationError, Problem
from dlmsd.fleet.desk import Desk, FileMeterError, UnfitMeterError
from dlmsd.fleet.kept import Kept
from dlmsd.fleet.lending import LentSecretError
from dlmsd.fleet.platform import Platform
from dlmsd.secret import Secret
from dlmsd.store.own import Override, OwnMeasurement, OwnMeter
from dlmsd.store.registry import NameTakenError, NoSuchMeterError
from dlmsd.web.api.bodies import MeterChange, NewMeter
from dlmsd.web.api.entry import meter_of
from tests.fleet.reload_case import FILE, OWN, ReloadCase

TOKEN = {"password": Secret("canary"), "token": Secret("t")}
PLATFORM = '[[sinks]]\nname = "tb"\nkind = "thingsboard"\nurl = "mqtt://tb.example:1884"\n'


@frozen
class Many:
    """What is to be, of what is kept."""

    kept: Kept
    meters: Sequence[OwnMeter]


class DeskCase(ReloadCase):
    def begin(self, text: str = FILE) -> None:
        self.path.write_text(text)
        self.start()
        self.again(text)
        self.desk = Desk(self.registry, self.reload)

    def fails(self, kind: type[Exception], work: Any) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(work), kind).value

    def own(self) -> list[str]:
        return [one.name for one in self.done(self.registry.meters())]


class ChangeTests(DeskCase):
    def test_added_changed_renamed_removed(self) -> None:
        self.begin()
        self.done(self.desk.add(OWN, "me"))
        self.assertEqual(self.meters()["c"].host, "10.0.0.3")
        number = self.registry.ids["c"]
        self.done(
            self.desk.change(
                "c",
                lambda old: evolve(old, name="d", options={**old.options, "host": "10.0.0.9"}),
                "me",
                trusted=True,
            )
        )
        self.assertEqual(self.meters()["d"].host, "10.0.0.9")
        self.assertEqual(self.meters()["d"].password, Secret("canary"))
        self.assertEqual(self.registry.ids["d"], number)
        self.done(self.desk.remove("d", "me"))
        self.assertNotIn("d", self.meters())
        trail = [(one.action, one.who) for one in self.done(self.registry.audit.list())]
        for action in ("meter added", "meter renamed", "meter changed", "meter removed"):
            self.assertIn((action, "me"), trail)

    def test_what_is_wrong_is_never_kept(self) -> None:
        self.begin()
        unfit = evolve(OWN, options={"host": "10.0.0.1", "profile": "microstar"})
        error = self.fails(UnfitMeterError, self.desk.add(unfit, "me"))
        self.assertEqual([one.key for one in error.problems], ["host"])
        self.assertEqual(self.own(), [])
        self.done(self.desk.add(OWN, "me"))

        def wrong(old: Any) -> Any:
            return evolve(old, options={"host": "10.0.0.3", "profile": "none"})

        self.fails(UnfitMeterError, self.desk.change("c", wrong, "me", trusted=True))
        self.assertEqual(self.meters()["c"].profile, "microstar")

    def test_what_the_daemon_refuses_is_taken_back(self) -> None:
        self.begin()
        self.refusals["first"] = ConfigurationError((Problem("ca.pem", 0, "", "no certificate"),))
        self.fails(UnfitMeterError, self.desk.add(OWN, "me"))
        self.assertEqual(self.own(), [])
        del self.refusals["first"]
        self.done(self.desk.add(OWN, "me"))
        self.refusals["first"] = ConfigurationError((Problem("ca.pem", 0, "", "no certificate"),))
        self.fails(
            UnfitMeterError,
            self.desk.change("c", lambda old: evolve(old, name="d"), "me", trusted=True),
        )
        self.assertEqual(self.own(), ["c"])

    def test_many_at_once_or_none(self) -> None:
        self.begin()
        self.done(self.desk.add(OWN, "me"))
        self.done(self.desk.override("c", "me", status="inactive", interval=9.0))
        before = self.done(self.registry.meters())
        many = [evolve(OWN, options={**OWN.options, "host": "10.0.0.7"}), evolve(OWN, name="d",
                options={**OWN.options, "host": "10.0.0.8"})]  # fmt: skip
        applied = len(self.applied)
        self.refusals["first"] = ConfigurationError((Problem("ca.pem", 0, "", "no certificate"),))
        self.fails(
            UnfitMeterError, self.desk.take(lambda kept: Many(kept, many), "me", trusted=True)
        )
        self.assertEqual(self.done(self.registry.meters()), before)
        wanted = self.done(self.registry.overrides())["c"]
        self.assertEqual((wanted.status, wanted.interval), ("inactive", 9.0))
        del self.refusals["first"]
        applied = len(self.applied)
        self.done(self.desk.take(lambda kept: Many(kept, many), "me", trusted=True))
        self.assertEqual(len(self.applied) - applied, 3, "one reload of three parts")
        self.assertEqual(self.own(), ["c", "d"])
        self.assertEqual(
            (self.meters()["c"].host, self.meters()["c"].status), ("10.0.0.7", "active")
        )
        self.assertEqual(self.meters()["d"].host, "10.0.0.8")

    def test_names_that_are_taken_and_meters_of_the_file(self) -> None:
        self.begin()
        self.done(self.desk.add(OWN, "me"))
        self.fails(NameTakenError, self.desk.add(OWN, "me"))
        self.fails(NameTakenError, self.desk.add(evolve(OWN, name="a"), "me"))
        self.fails(
            NameTakenError,
            self.desk.change("c", lambda old: evolve(old, name="b"), "me", trusted=True),
        )
        error = self.fails(FileMeterError, self.desk.remove("a", "me"))
        self.assertIn("dlmsd.toml", str(error))
        self.fails(FileMeterError, self.desk.change("a", lambda old: old, "me", trusted=True))
        self.fails(NoSuchMeterError, self.desk.remove("z", "me"))

    def test_overrides(self) -> None:
        self.begin()
        self.done(self.registry.override("a", Override(device_name="x", renamed_from="a"), "tb"))
        self.done(self.desk.override("a", "me", status="inactive"))
        self.done(self.desk.override("a", "me", interval=9.0))
        self.assertEqual((self.meters()["a"].status, self.meters()["a"].interval), ("inactive", 9))
        kept = self.done(self.registry.overrides())["a"]
        self.assertEqual(kept.device_name, "x", "what a platform has changed stays")
        self.done(self.desk.add(OWN, "me"))
        self.done(self.desk.override("c", "me", status="inactive", interval=9.0))
        self.done(self.desk.change("c", lambda old: old, "me", trusted=True, settled=("status",)))
        self.assertEqual((self.meters()["c"].status, self.meters()["c"].interval), ("active", 9))

    def test_one_at_a_time(self) -> None:
        """Of two who saw the same, the second hears that it has changed."""
        self.begin()
        self.done(self.desk.add(OWN, "me"))
        seen = self.done(self.desk.own("c"))

        def unchanged(old: Any) -> None:
            if old != seen:
                raise ZeroDivisionError

        def slower(old: Any) -> Any:
            return evolve(old, options={**old.options, "timeout": 3})

        works = [
            Deferred.fromCoroutine(self.desk.change("c", slower, "me", unchanged, trusted=True))
            for _ in "ab"
        ]
        self.successResultOf(works[0])
        self.failureResultOf(works[1], ZeroDivisionError)


class MeasurementTests(DeskCase):
    def read(self, *rows: OwnMeasurement) -> dict[str, Any]:
        self.begin()
        self.done(self.desk.add(evolve(OWN, measurements=rows), "me"))
        return {one.name: one for one in self.meters()["c"].read}

    def test_on_top_of_the_profile(self) -> None:
        found = self.read(
            OwnMeasurement("mine", "1-1:1.8.0", sampling_interval=2.5, tb_key="energy"),
            OwnMeasurement("voltage_l1", enabled=False),
            OwnMeasurement("not yet", "1-1:9.9.9", enabled=False),
        )
        self.assertEqual((found["mine"].every, found["mine"].key), (2.5, "energy"))
        self.assertIn("voltage_l2", found)
        self.assertNotIn("voltage_l1", found)
        self.assertNotIn("not yet", found)


def _keys(failure: Failure) -> Sequence[str]:
    failure.trap(LentSecretError)
    return failure.value.keys


class LendingTests(DeskCase):
    """Who came without a token has no secret that is kept sent to another place."""

    def setUp(self) -> None:
        super().setUp()
        local = 'profile = "microstar"\nsinks = ["local"]'
        self.begin(PLATFORM + FILE.replace('profile = "microstar"', local))
        options = {**OWN.options, "thingsboard": {"host": "10.0.0.9"}}
        self.done(self.desk.add(evolve(OWN, options=options, secrets=TOKEN), "me"))

    def changed(self, *, trusted: bool = False, **said: Any) -> Any:
        """The secrets that a change by REST's body would take elsewhere, None for none."""
        change = MeterChange(**said)
        return self._done(lambda old: change.applied(old, ()), trusted)

    def replaced(self, **said: Any) -> Any:
        """As ``changed``, of the body of a whole meter."""
        body = NewMeter(**{"name": "c", "ip_address": "10.0.0.3", **said})
        return self._done(lambda old: body.made((), old), False)

    def _done(self, change: Callable[[OwnMeter], OwnMeter], trusted: bool) -> Any:
        work = Deferred.fromCoroutine(self.desk.change("c", change, "me", trusted=trusted))
        return self.successResultOf(work.addErrback(_keys))

    def place(self) -> Platform:
        (own,) = self.done(self.registry.meters())
        return Platform.of(own)

    def test_elsewhere(self) -> None:
        before = self.meters()["c"]
        for said, keys in (
            ({"ip_address": "127.0.0.1"}, ["password"]),
            ({"port": 3334}, ["password"]),
            ({"options": {"transport": "udp", "framing": "wrapper"}}, ["password"]),
            ({"tb_host": "127.0.0.1"}, ["token"]),
            ({"tb_port": 1999}, ["token"]),
            ({"ip_address": "127.0.0.1", "tb_port": 9}, ["password", "token"]),
            ({"ip_address": "127.0.0.1", "tb_token": "new"}, ["password"]),
            ({"tb_enabled": False, "tb_host": "127.0.0.1"}, ["token"]),
            ({"name": "d", "ip_address": "127.0.0.1"}, ["password"]),
        ):
            self.assertEqual(self.changed(**said), keys, said)
        self.assertEqual(self.meters()["c"], before)
        self.assertIsNone(self.changed(trusted=True, ip_address="127.0.0.1", tb_port=9))
        self.assertEqual(self.meters()["c"].host, "127.0.0.1")

    def test_whoever_says_it_again_knows_it(self) -> None:
        self.assertIsNone(self.changed(ip_address="127.0.0.1", password="canary"))
        self.assertIsNone(self.changed(tb_host="127.0.0.1", tb_token="t"))
        self.assertEqual(self.meters()["c"].host, "127.0.0.1")

    def test_what_stays_or_goes_where_the_file_says(self) -> None:
        for said in (
            {"ip_address": "10.0.0.3", "client_id": 2, "interval": 9},
            {"tb_enabled": False},
            {"tb_enabled": True},
            {"tb_host": "tb.example", "tb_port": 1884},
        ):
            self.assertIsNone(self.changed(**said), said)

    def test_the_place_of_a_token_that_stays_does_too(self) -> None:
        """A script that knows no tokens says a meter again, and where it publishes elsewhere."""
        before = self.place()
        self.assertIsNone(self.replaced(interval=9.0))
        self.assertEqual((self.place(), self.meters()["c"].interval), (before, 9))
        entry = {"name": "c", "host": "10.0.0.3", "profile": "microstar"}
        (own,) = self.done(self.registry.meters())
        self.assertEqual(Platform.of(meter_of(entry, {}, own)), before)
        self.assertEqual(self.replaced(tb_host="127.0.0.1"), ["token"])
        self.assertEqual(self.replaced(tb_port=9), ["token"])
        self.assertIsNone(self.replaced(tb_enabled=False))
        self.assertEqual(self.place(), evolve(before, enabled=False))
        self.assertIsNone(self.replaced())
        self.assertEqual(self.place(), before, "what is left out is not secret")

    def test_a_new_token_goes_where_it_is_said_to(self) -> None:
        self.assertIsNone(self.replaced(tb_token="new"))
        self.assertEqual(self.place(), Platform())

    def test_at_the_sink_that_another_meter_made(self) -> None:
        other = {**OWN.options, "host": "10.0.0.8", "thingsboard": {"host": "127.0.0.1"}}
        self.done(self.desk.add(OwnMeter("x", other, {"token": Secret("own")}), "me"))
        (made,) = [one.name for one in self.applied[-1][1].sinks if "127.0.0.1" in one.url]
        self.assertEqual(self.changed(sinks=(made,)), ["token"])

    def test_on_trial(self) -> None:
        (old,) = self.done(self.registry.meters())

        def tried(host: str, *, trusted: bool) -> Any:
            new = evolve(old, options={**old.options, "host": host})
            return self.desk.tried(new, "c", old, trusted=trusted)

        self.fails(LentSecretError, tried("127.0.0.1", trusted=False))
        self.assertEqual(self.done(tried("10.0.0.3", trusted=False)).host, "10.0.0.3")
        self.assertEqual(self.done(tried("127.0.0.1", trusted=True)).host, "127.0.0.1")

    def test_of_many(self) -> None:
        def plan(kept: Kept) -> Many:
            old = kept.own["c"]
            new = OwnMeter("n", {**OWN.options, "host": "10.0.0.7"}, {"password": Secret("x")})
            return Many(kept, [new, evolve(old, options={**old.options, "host": "127.0.0.1"})])

        error = self.fails(LentSecretError, self.desk.take(plan, "me", trusted=False))
        self.assertEqual((str(error), self.own()), ("c: password", ["c"]))
        self.done(self.desk.take(plan, "me", trusted=True))
        self.assertEqual(self.meters()["c"].host, "127.0.0.1")


class PlatformTests(DeskCase):
    def sinks(self, text: str, **said: Any) -> tuple[tuple[str, ...], dict[str, str]]:
        """Those of the meter, and all by their url."""
        self.begin(text)
        options = {**OWN.options, **({"thingsboard": said} if said else {})}
        self.done(self.desk.add(evolve(OWN, options=options, secrets=TOKEN), "me"))
        configuration = self.applied[-1][1]
        return self.meters()["c"].sinks, {one.name: one.url for one in configuration.sinks}

    def test_the_first_that_the_file_has(self) -> None:
        names, _ = self.sinks(
            PLATFORM
            + FILE.replace('profile = "microstar"', 'profile = "microstar"\nsinks = ["local"]')
        )
        self.assertEqual(names, ("local", "tb"))

    def test_other_credentials_than_a_token(self) -> None:
        text = PLATFORM + FILE.replace(
            'profile = "microstar"', 'profile = "microstar"\nsinks = ["local"]'
        )
        self.begin(text)
        options = {**OWN.options, "mqtt_username": "u"}
        basic = evolve(OWN, options=options, secrets={"mqtt_password": Secret("p")})
        self.done(self.desk.add(basic, "me"))
        self.assertEqual(self.meters()["c"].sinks, ("local", "tb"))
        self.assertEqual(self.meters()["c"].credentials.type, "MQTT_BASIC")

    def test_one_of_its_own_as_long_as_it_is_wanted(self) -> None:
        names, urls = self.sinks(FILE)
        self.assertEqual(names, ("local", "thingsboard"))
        self.assertEqual(urls["thingsboard"], "mqtt://localhost:1883")
        self.assertEqual(self.meters()["a"].sinks, ("local",), "no other meter goes there")
        self.done(self.desk.remove("c", "me"))
        self.assertEqual([one.name for one in self.applied[-1][1].sinks], ["local"])

    def test_nobody_goes_where_only_another_meter_says(self) -> None:
        self.begin()
        elsewhere = {**OWN.options, "host": "10.0.0.8", "thingsboard": {"host": "10.0.0.9"}}
        self.done(self.desk.add(OwnMeter("x", elsewhere, {"token": Secret("own")}), "me"))
        self.done(self.desk.add(evolve(OWN, secrets=TOKEN), "me"))
        urls = {one.name: one.url for one in self.applied[-1][1].sinks}
        found = {name: [urls[one] for one in self.meters()[name].sinks[1:]] for name in "xc"}
        expected = {"x": ["mqtt://10.0.0.9:1883"], "c": ["mqtt://localhost:1883"]}
        self.assertEqual(found, expected)

    def test_another_place_than_the_files(self) -> None:
        text = PLATFORM + FILE.replace(
            'profile = "microstar"', 'profile = "microstar"\nsinks = ["local"]'
        )
        names, urls = self.sinks(text, host="fd00::1", port=1885)
        self.assertEqual(names, ("local", "thingsboard fd00--1 1885"))
        self.assertEqual(urls[names[1]], "mqtt://[fd00::1]:1885")

    def test_not_at_all(self) -> None:
        self.assertEqual(self.sinks(FILE, enabled=False)[0], ("local",))
