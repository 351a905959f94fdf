from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlmsd.config.load import find, load
from dlmsd.errors import ConfigurationError, Problem
from dlmsd.secret import Secret
from tests.config.case import METER, ConfigurationCase

NAME = "expected 1 to 64 letters, digits, spaces and . _ - ( )"
LATER = "not available in this version"
SECONDS = "expected a number from 1 to 31622400"
ZONE = "expected a time zone such as America/Bogota"
RATIO = "expected a number above 0, of size 1e-9 to 1e9, such as 40 for 200/5"


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


class SectionTests(ConfigurationCase):
    def test_daemon(self) -> None:
        line = "dlmsd.toml:2: daemon."
        self.expect(
            {
                "state_dir = 5": (
                    f"{line}state_dir: expected text of 1 to 4096 printable characters",
                ),
                'log_format = "xml"': (f'{line}log_format: expected "text" or "json"',),
                'log_level = "INFO"': (
                    f'{line}log_level: expected "debug", "info", "warn" or "error"',
                ),
                "report_interval = 0": (f"{line}report_interval: {SECONDS}",),
                'report_interval = "60"': (f"{line}report_interval: {SECONDS}",),
                "report_interval = true": (f"{line}report_interval: {SECONDS}",),
                "report_interval = nan": (f"{line}report_interval: {SECONDS}",),
                "report_interval = inf": (f"{line}report_interval: {SECONDS}",),
                'language = "de"': (f'{line}language: expected "en" or "es"',),
                "connects_per_second = -1.5": (
                    f"{line}connects_per_second: expected a number from 0.01 to 10000",
                ),
                "langage = 1": (f'{line}langage: unknown key; did you mean "language"?',),
                "xyz = 1": (f"{line}xyz: unknown key",),
                "watch_config = 0": (f"{line}watch_config: expected true or false",),
                'registry_key = "00"': (f"{line}registry_key: expected 64 hex digits, not 2",),
            },
            before="[daemon]\n",
        )

    def test_web(self) -> None:
        exposed = (
            "dlmsd.toml:2: web.listen: others would reach this without TLS; use "
            "interface=127.0.0.1, or ssl:, or trust_proxy = true behind a proxy that speaks TLS"
        )
        networks = 'web.scan_networks: expected networks such as "192.168.1.0/24"'
        freed = (
            "web.legacy_open: frees changes on loopback alone; listen at 127.0.0.1 "
            "without trust_proxy"
        )
        endpoint = "expected an endpoint: tcp:PORT:interface=ADDRESS, ssl:PORT:... or unix:PATH"
        self.expect(
            {
                'listen = "tcp:8425"': (exposed,),
                'listen = "tcp:8425:interface=10.0.0.1"\ntrust_proxy = false': (exposed,),
                'listen = "tcp:8425"\ntrust_proxy = true': (),
                'listen = "ssl:8425"': (),
                'listen = "8425"': (f"dlmsd.toml:2: web.listen: {endpoint}",),
                'listen = "tcp:99999"': (
                    f"dlmsd.toml:2: web.listen: {endpoint}; the port is a number from 0 to 65535",
                ),
                'listen = "tcp:8425:host=x"': (
                    f"dlmsd.toml:2: web.listen: {endpoint}; tcp: takes port, interface, backlog",
                ),
                "trust_proxy = 1": ("dlmsd.toml:2: web.trust_proxy: expected true or false",),
                "legacy_open = true": (),
                "legacy_open = true\ntrust_proxy = true": (f"dlmsd.toml:2: {freed}",),
                'listen = "ssl:8425"\nlegacy_open = true': (f"dlmsd.toml:3: {freed}",),
                'scan_networks = ["192.168.1.1/24"]': (f"dlmsd.toml:2: {networks}",),
                'scan_networks = "10.0.0.0/8"': (
                    "dlmsd.toml:2: web.scan_networks: expected a list of names",
                ),
                'token = { env = "NONE" }': (
                    "dlmsd.toml:2: web.token: the environment variable named here is not set",
                ),
            },
            before="[web]\n",
        )

    def test_outbox(self) -> None:
        line = "dlmsd.toml:2: outbox."
        self.expect(
            {
                "max_bytes = 1000": (
                    f"{line}max_bytes: expected a whole number from 1048576 to 1125899906842624",
                ),
                "max_bytes = 2097152.0": (
                    f"{line}max_bytes: expected a whole number from 1048576 to 1125899906842624",
                ),
                "keep_delivered_hours = -1": (
                    f"{line}keep_delivered_hours: expected a number from 0 to 878400",
                ),
                "keep_delivered_hours = 0": (),
                "history_days = 40000": (f"{line}history_days: expected a number from 0 to 36600",),
                'when_full = "pause"': (),
                'when_full = "stop"': (f'{line}when_full: expected "drop_oldest" or "pause"',),
            },
            before="[outbox]\n",
        )

    def test_sections(self) -> None:
        self.expect(
            {
                "[fleet]": (f"dlmsd.toml:1: fleet: {LATER}",),
                "[sink]": ('dlmsd.toml:1: sink: unknown section; did you mean "sinks"?',),
                "port = 1": ("dlmsd.toml:1: port: unknown section",),
                "\ndaemon = 5": ("dlmsd.toml:2: daemon: expected a table",),
                '[sinks]\nname = "x"': (
                    "dlmsd.toml:1: sinks: expected a list of tables: [[sinks]]",
                ),
                "meters = [1]": ("dlmsd.toml:1: meters[0]: expected a table",),
                "profiles = 1": ("dlmsd.toml:1: profiles: expected tables: [profiles.NAME]",),
                "profiles.x = 1": ("dlmsd.toml:1: profiles.x: expected a table",),
            }
        )


class MeterTests(ConfigurationCase):
    def test_its_own_keys(self) -> None:
        line = "dlmsd.toml:7: meters[0]."
        self.expect(
            {
                "port = 0": (f"{line}port: expected a whole number from 1 to 65535",),
                "port = true": (f"{line}port: expected a whole number from 1 to 65535",),
                "port = 3333.0": (f"{line}port: expected a whole number from 1 to 65535",),
                "client = 128": (f"{line}client: expected a whole number from 1 to 127",),
                "max_info = 31": (f"{line}max_info: expected a whole number from 32 to 2030",),
                "max_info = 2031": (f"{line}max_info: expected a whole number from 32 to 2030",),
                "timeout = 0": (f"{line}timeout: expected a number from 0.1 to 3600",),
                "interval = -inf": (f"{line}interval: expected a number from 0.1 to 31622400",),
                "interval = 1e-310": (f"{line}interval: expected a number from 0.1 to 31622400",),
                'framing = "tcp"': (f'{line}framing: expected "hdlc" or "wrapper"',),
                'address_size = "1"': (f'{line}address_size: expected "auto", 1, 2 or 4',),
                "address_size = true": (f'{line}address_size: expected "auto", 1, 2 or 4',),
                'authentication = "high"': (
                    f'{line}authentication: expected "none", "low", "high-manufacturer", '
                    '"high-md5", "high-sha1", "high-gmac", "high-sha256" or "high-ecdsa"',
                ),
                'timezone = "Bogota"': (f"{line}timezone: {ZONE}",),
                'timezone = "../etc/passwd"': (f"{line}timezone: {ZONE}",),
                'timezone = "America"': (f"{line}timezone: {ZONE}",),
                'timezone = ""': (f"{line}timezone: {ZONE}",),
                "timezone = -5": (f"{line}timezone: {ZONE}",),
                "ct_ratio = 0": (f"{line}ct_ratio: {RATIO}",),
                "vt_ratio = -1": (f"{line}vt_ratio: {RATIO}",),
                'vt_ratio = "200/5"': (f"{line}vt_ratio: {RATIO}",),
                'status = "error"': (f'{line}status: expected "active" or "inactive"',),
                'sinks = "tb"': (f"{line}sinks: expected a list of names",),
                'sinks = ["tb"]': (f"{line}sinks[0]: no such sink",),
                'sinks = ["tb", "tb"]': (f"{line}sinks: a name stands here twice",),
                'profile = "microsta"': (
                    f'{line}profile: no such profile; did you mean "microstar"?',
                ),
                "hos = 1": (f'{line}hos: unknown key; did you mean "host"?',),
            },
            before=METER,
        )

    def test_names(self) -> None:
        line = "dlmsd.toml:1: meters[0].name: "
        rest = ', host = "h", authentication = "none", read = ["frequency"] }]'
        letter = "a name holds a letter or digit, and no space at its ends"
        self.expect(
            {
                '"planta ñ (1)_a.b-c"': (),
                '"Status"': (),
                f'"{"x" * 64}"': (),
                f'"{"x" * 65}"': (line + NAME,),
                '""': (line + NAME,),
                '"a/b"': (line + NAME,),
                '"a+b"': (line + NAME,),
                '"a#b"': (line + NAME,),
                '"a\\n"': (line + NAME,),
                "7": (line + NAME,),
                '" a"': (line + letter,),
                '".."': (line + letter,),
                '"status"': (line + '"status" is reserved; choose another name',),
                '"bridge"': (line + '"bridge" is reserved; choose another name',),
            },
            before="meters = [{ name = ",
            after=rest,
        )

    def test_hosts(self) -> None:
        line = "dlmsd.toml:1: meters[0].host: "
        self.expect(
            {
                '"fe80::1%eth0"': (),
                '"meter-1.example"': (),
                '"10.0.0.1:3333"': (
                    line + "expected a host without port; the port goes to its own key, port",
                ),
                '"tcp://10.0.0.1"': (line + "expected a host name or IP address",),
                '""': (line + "expected a host name or IP address",),
                "1": (line + "expected a host name or IP address",),
            },
            before='meters = [{ name = "a", host = ',
            after=', authentication = "none", read = ["frequency"] }]',
        )

    def test_what_is_missing(self) -> None:
        self.assertEqual(
            self.problems("\n[[meters]]\n"),
            [
                "dlmsd.toml:2: meters[0].name: is required",
                "dlmsd.toml:2: meters[0].read: nothing to read; name a profile, or list "
                "measurements here",
                "dlmsd.toml:2: meters[0].host: is required",
                'dlmsd.toml:2: meters[0].password: authentication "low" needs a password; give '
                'one, or authentication = "none"',
            ],
        )

    def test_addresses(self) -> None:
        line = "dlmsd.toml:"
        self.expect(
            {
                "logical_device = 1\nphysical_device = 9999": (),
                "logical_device = 16384": (
                    f"{line}7: meters[0].logical_device: logical 16384 or physical 1 is not 0 to "
                    "16383",
                ),
                "address_size = 1\nlogical_device = 1": (
                    f"{line}8: meters[0].logical_device: devices 1/1 do not fit one octet",
                ),
                "address_size = 2\nphysical_device = 128": (
                    f"{line}8: meters[0].physical_device: devices 0/128 do not fit two octets",
                ),
                'framing = "wrapper"\nlogical_device = 65535': (),
                "logical_device = 65536": (
                    f"{line}7: meters[0].logical_device: expected a whole number from 0 to 65535",
                ),
            },
            before=METER,
        )


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
