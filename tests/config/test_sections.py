"""Tables of the file that are there once: daemon, web, outbox."""

from __future__ import annotations

from tests.config.case import ConfigurationCase

LATER = "not available in this version"
SECONDS = "expected a number from 1 to 31622400"


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
