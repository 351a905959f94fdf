from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlmsd.config.load import find, load
from dlmsd.config.system import STATE
from dlmsd.errors import ConfigurationError, Problem
from dlmsd.secret import Secret
from tests.config.case import METER, ConfigurationCase


class FindTests(ConfigurationCase):
    def test_the_system_first_then_here(self) -> None:
        environ = {"CONFIGURATION_DIRECTORY": str(self.folder / "system")}
        here = self.write("etc/dlmsd.toml", "")
        self.assertEqual(find(environ, self.folder), here)
        system = self.write("system/dlmsd.toml", "")
        self.assertEqual(find(environ, self.folder), system)

    def test_neither(self) -> None:
        environ = {"CONFIGURATION_DIRECTORY": str(self.folder / "system")}
        with self.assertRaises(ConfigurationError) as caught:
            find(environ, self.folder)
        here = self.folder / "etc/dlmsd.toml"
        self.assertEqual(
            str(caught.exception),
            f"{self.folder}/system/dlmsd.toml: there is no such file, and no {here}; "
            "name one with --config",
        )


class DefaultTests(ConfigurationCase):
    def test_an_empty_file_is_a_configuration(self) -> None:
        configuration = self.load("")
        self.assertEqual(configuration.daemon.state_dir, Path("var"))
        self.assertEqual(configuration.meters, ())
        self.assertEqual(configuration.path, self.folder / "dlmsd.toml")

    def test_state_dir(self) -> None:
        systemd = {"STATE_DIRECTORY": "/var/lib/dlmsd:/var/lib/other"}
        self.assertEqual(self.load("", **systemd).daemon.state_dir, Path("/var/lib/dlmsd"))
        text = '[daemon]\nstate_dir = "/srv/dlmsd"'
        self.assertEqual(self.load(text, **systemd).daemon.state_dir, Path("/srv/dlmsd"))

    def test_the_service_and_a_command_have_one_state_dir(self) -> None:
        """Else two stores would count under the same keys."""
        system = self.write("system/dlmsd.toml", "")
        (self.folder / "linked").symlink_to("system")
        shell = {"CONFIGURATION_DIRECTORY": str(system.parent)}
        service = {**shell, "STATE_DIRECTORY": STATE}
        for path in (system, self.folder / "linked" / "dlmsd.toml"):
            for environ in (shell, service):
                self.assertEqual(load(path, environ=environ).daemon.state_dir, Path(STATE))
        other = self.write("system/other.toml", "")
        self.assertEqual(load(other, environ=shell).daemon.state_dir, Path("var"))
        named = self.write("system/dlmsd.toml", '[daemon]\nstate_dir = "/srv/dlmsd"')
        self.assertEqual(load(named, environ=shell).daemon.state_dir, Path("/srv/dlmsd"))

    def test_whole_numbers_do_for_seconds(self) -> None:
        interval = self.load(METER + "interval = 10").meters[0].interval
        self.assertEqual((interval, type(interval)), (10.0, float))

    def test_a_meter_that_gives_everything_itself(self) -> None:
        (meter,) = self.load(METER).meters
        self.assertEqual((meter.profile, meter.device_name, meter.sinks), ("", "a", ()))
        self.assertEqual(meter.password, Secret("canary-low"))

    def test_a_meter_goes_to_all_sinks_unless_it_says(self) -> None:
        sinks = "".join(
            f'[[sinks]]\nname = "{name}"\nkind = "mqtt"\nurl = "mqtt://{name}"\n' for name in "xyz"
        )
        for said, wanted in (
            ("", ("x", "y", "z")),
            ('sinks = ["z", "x"]', ("z", "x")),
            ("sinks = []", ()),
        ):
            self.assertEqual(self.load(sinks + METER + said).meters[0].sinks, wanted)

    def test_files_are_found_from_another_folder(self) -> None:
        self.write("ca.pem", "x")
        self.write("tokens/web", "canary")
        configuration = self.load(
            '[web]\ntoken = { file = "tokens/web" }\n'
            '[[sinks]]\nname = "x"\nkind = "mqtt"\nurl = "mqtts://h"\nca_file = "ca.pem"\n'
        )
        self.assertEqual(configuration.web.token, Secret("canary"))
        self.assertEqual(configuration.sinks[0].ca_file, self.folder / "ca.pem")

    def test_networks(self) -> None:
        said = '[web]\nscan_networks = ["10.0.0.0/8", "fd00::/8"]\n'
        found = self.load(said + METER).web.scan_networks
        self.assertEqual([str(one) for one in found], ["10.0.0.0/8", "fd00::/8"])


EVERYTHING_WRONG = """\
[daemon]
language = "canary-language"
[web]
token = { env = "canary-variable" }
listen = "canary-listen"
[outbox]
max_bytes = "canary-bytes"
[[sinks]]
name = "x"
kind = "canary-kind"
url = "mqtt://canary-user:canary-password@h"
token = ["canary-list"]
password = "canary-password"
ca_file = "canary-file"
[[sinks]]
name = "tb"
kind = "thingsboard-gateway"
url = "mqtt://h/canary-path"
token = { file = "canary-file" }
[[sinks]]
name = "tb2"
kind = "thingsboard-gateway"
url = "mqtt://h:99999"
token = { flie = "canary-table" }
[profiles.p]
password = { credential = "canary-credential" }
system_title = "canary-title"
framing = "canary-framing"
[[meters]]
name = "canary/name"
host = "canary:1"
token = "canary-token"
password = "canary-low"
port = "canary-port"
sinks = ["x"]
[meters.read]
voltage_l1 = "canary-obis"
active_energy = { unit = "canary-unit", key = "canary\\u0000" }
"""


class AllAtOnceTests(ConfigurationCase):
    def test_every_problem_in_the_order_of_lines(self) -> None:
        found = self.problems(EVERYTHING_WRONG)
        lines = [int(problem.split(":")[1]) for problem in found]
        wrong = [2, 4, 5, 7, 10, 11, 12, 13, 14, 18, 19, 23, 24, 26, 27, 28, 30, 31, 34, 37, 38, 38]
        self.assertEqual(lines, wrong)

    def test_no_problem_repeats_what_it_was_given(self) -> None:
        self.assertNotIn("canary", "\n".join(self.problems(EVERYTHING_WRONG)))

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(st.integers(0, 40), st.sampled_from(['"canary"', "[", "{ x = 1 }", "-1", '"""', "="]))
    def test_damage_anywhere_gives_problems_and_never_a_secret(self, at: int, value: str) -> None:
        lines = (METER + EVERYTHING_WRONG).splitlines()
        at %= len(lines)
        key, equals, _ = lines[at].partition("=")
        lines[at] = f"{key}{equals} {value}"
        path = self.folder / "damaged.toml"
        path.write_text("\n".join(lines))
        with self.assertRaises(ConfigurationError) as caught:
            load(path, environ={})
        self.assertNotIn("canary", str(caught.exception))
        self.assertTrue(all(isinstance(one, Problem) for one in caught.exception.problems))

    def test_problems_of_one_profile_are_told_once(self) -> None:
        profile = '[profiles.p]\nport = 0\nlogical_device = 9\naddress_size = 1\nread = ["volt"]\n'
        meters = "".join(
            f'[[meters]]\nname = "{n}"\nhost = "h{n}"\nprofile = "p"\npassword = "x"\n'
            for n in range(3)
        )
        self.assertEqual(
            self.problems(profile + meters),
            [
                "dlmsd.toml:2: profiles.p.port: expected a whole number from 1 to 65535",
                "dlmsd.toml:3: profiles.p.logical_device: devices 9/1 do not fit one octet",
                "dlmsd.toml:5: profiles.p.read[0]: needs an OBIS code",
            ],
        )

    def test_lines_are_not_sought_in_a_good_file(self) -> None:
        with mock.patch("dlmsd.config.source.Lines", side_effect=AssertionError):
            self.assertEqual(self.load(METER).meters[0].name, "a")

    def test_factors_stay_exact(self) -> None:
        meter = METER.replace('["voltage_l1"]', "{ frequency = { scale = 0.1 } }")
        self.assertEqual(self.load(meter).meters[0].read[0].scale, Decimal("0.1"))
