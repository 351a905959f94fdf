"""The difference between two configurations, and meters that come from elsewhere."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from dlmsd.config.difference import Changes, difference
from dlmsd.config.join import Added, Joined, join
from dlmsd.config.origin import Origin
from dlmsd.config.values import Configuration
from dlmsd.errors import ConfigurationError
from tests.config.case import ConfigurationCase

FILE = """
[daemon]
log_level = "info"
[[sinks]]
name = "tb"
kind = "thingsboard"
url = "mqtt://tb"
[profiles.acme]
client = 16
authentication = "none"
read = { voltage_l1 = "1-1:32.7.0" }
[[meters]]
name = "a"
host = "10.0.0.1"
profile = "acme"
token = "canary-a"
[[meters]]
name = "b"
host = "10.0.0.2"
profile = "microstar"
token = "canary-b"
"""


class DifferenceTests(ConfigurationCase):
    def setUp(self) -> None:
        super().setUp()
        self.before = self.load(FILE)

    def after(self, *replaced: tuple[str, str]) -> Configuration:
        text = FILE
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        return self.load(text)

    def test_nothing(self) -> None:
        self.assertFalse(difference(self.before, self.load(FILE)))

    def test_a_profile_is_a_change_of_its_meters(self) -> None:
        found = difference(self.before, self.after(("client = 16", "client = 17")))
        self.assertEqual(found.meters, Changes(changed={"a": ("client",)}))
        found = difference(self.before, self.after(("32.7.0", "33.7.0")))
        self.assertEqual(found.meters.changed, {"a": ("read",)})

    def test_meters_come_and_go(self) -> None:
        found = difference(self.before, self.after(('name = "b"', 'name = "c"'), ("canary-a", "x")))
        self.assertEqual(found.meters, Changes(("c",), ("b",), {"a": ("token",)}))
        self.assertFalse(found.sinks)

    def test_sinks_and_what_needs_a_restart(self) -> None:
        changed = 'watch_config = true\nstate_dir = "elsewhere"\nlog_level = "debug"'
        found = difference(
            self.before,
            self.after(("mqtt://tb", "mqtt://other"), ('log_level = "info"', changed)),
        )
        self.assertEqual(found.sinks, Changes(changed={"tb": ("url",)}))
        self.assertEqual(found.live, ("daemon.watch_config",))
        self.assertEqual(found.restart, ("daemon.state_dir", "daemon.log_level"))
        self.assertNotIn("canary", repr(found))

    @given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")), st.data())
    @settings(max_examples=50)
    def test_applied_it_gives_the_other(
        self, old: set[str], new: set[str], data: st.DataObject
    ) -> None:
        first = self.before.meters[0]
        intervals = st.sampled_from([1.0, 2.0])
        before = {name: evolve(first, name=name, interval=1.0) for name in old}
        after = {name: evolve(first, name=name, interval=data.draw(intervals)) for name in new}
        found = difference(
            evolve(self.before, meters=tuple(before.values())),
            evolve(self.before, meters=tuple(after.values())),
        ).meters
        self.assertEqual(set(found.added), new - old)
        self.assertEqual(set(found.removed), old - new)
        self.assertEqual(
            set(found.changed), {name for name in old & new if before[name] != after[name]}
        )


class JoinTests(ConfigurationCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.load(FILE)

    def join(self, *added: Added) -> Joined:
        return join(self.file, added, {})

    def refused(self, name: str, **table: object) -> str:
        table = {"host": "10.0.0.9", "profile": "acme", "token": "canary-x"} | table
        (only,) = self.join(Added(name, table)).refused.values()
        self.assertNotIn("canary", str(only))
        return "; ".join(str(one) for one in only)

    def test_as_the_file_would_say_it(self) -> None:
        table = {"host": "10.0.0.3", "profile": "acme", "interval": Decimal("2.5"), "token": "t"}
        joined = self.join(Added("c", table), Added("d", {**table, "host": "h", "token": "u"}))
        self.assertEqual(joined.refused, {})
        self.assertEqual([one.name for one in joined.configuration.meters], ["a", "b", "c", "d"])
        added = joined.configuration.meters[2]
        twin = self.load(
            FILE + '[[meters]]\nname = "c"\nhost = "10.0.0.3"\nprofile = "acme"\n'
            'interval = 2.5\ntoken = "t"\n'
        ).meters[2]
        self.assertEqual(added, twin)

    def test_measurements_come_on_top(self) -> None:
        table = {"host": "10.0.0.3", "profile": "acme", "token": "t"}
        read = {"voltage_l1": False, "f": {"obis": "1-1:14.7.0", "every": 60, "key": "hz"}}
        (*_, added) = self.join(Added("c", table, read)).configuration.meters
        self.assertEqual([(one.name, one.key, one.every) for one in added.read], [("f", "hz", 60)])
        wrong = Added("c", table, {"nonsense": {}})
        self.assertIn("needs an OBIS code", str(self.join(wrong).refused["c"]))

    def test_each_for_itself(self) -> None:
        good = Added("good", {"host": "10.0.0.8", "profile": "acme", "token": "good"})
        joined = self.join(Added("bad", {"host": "10.0.0.7", "profile": "none"}), good)
        self.assertEqual([one.name for one in joined.configuration.meters], ["a", "b", "good"])
        self.assertIn("no such profile", str(joined.refused["bad"]))

    def test_the_file_comes_first(self) -> None:
        self.assertIn("another meter has this name", self.refused("a"))
        self.assertIn("fingerprint", self.refused("c", token="canary-a"))
        self.assertIn("has this client and address", self.refused("c", host="10.0.0.1"))
        (without,) = self.join(Added("c", {"host": "h", "profile": "acme"})).refused["c"]
        self.assertIn("is required: sink tb", without.message)

    def test_of_two_added_the_first(self) -> None:
        table = {"host": "10.0.0.3", "profile": "acme"}
        joined = self.join(Added("c", {**table, "token": "t"}), Added("d", {**table, "token": "u"}))
        self.assertEqual(list(joined.refused), ["d"])
        self.assertEqual([one.name for one in joined.configuration.meters], ["a", "b", "c"])

    def test_a_caller_that_the_file_has_already(self) -> None:
        self.file = self.load(
            FILE + '[dial_in]\nlisten = "tcp:4059"\n[[meters]]\nname = "m"\ntransport = "dial-in"\n'
            'profile = "acme"\nannounces = "MODEM1"\ntoken = "canary-m"\n'
        )
        shorter = {"transport": "dial-in", "profile": "acme", "announces": "MODEM", "token": "n"}
        other = Added("o", {"host": "10.0.0.7", "profile": "acme", "token": "o"})
        joined = self.join(Added("n", shorter), other)
        self.assertEqual(list(joined.refused), ["n"])


class OriginTests(ConfigurationCase):
    def test_read_again(self) -> None:
        path = self.write("dlmsd.toml", FILE)
        origin = Origin(path.absolute(), {})
        self.assertEqual(origin.read(), self.load(FILE))
        path.write_text("[daemon")
        self.assertRaises(ConfigurationError, origin.read)

    def test_stamp(self) -> None:
        path = self.write("dlmsd.toml", FILE)
        origin = Origin(path.absolute(), {})
        seen = [origin.stamp()]
        self.assertEqual(origin.stamp(), seen[0])
        path.write_text(FILE + "\n")
        seen.append(origin.stamp())
        profile = self.write("profiles/acme.toml", "")
        seen.append(origin.stamp())
        os.utime(profile, (1, 1))
        seen.append(origin.stamp())
        draft = Path(self.write("draft", FILE))
        draft.replace(path)
        seen.append(origin.stamp())
        path.unlink()
        seen.append(origin.stamp())
        self.assertEqual(len(set(seen)), len(seen))
