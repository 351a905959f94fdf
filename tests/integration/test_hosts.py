"""A HOST that no configuration knows gets from options what a meter of the file has."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.credentials import VARIABLES
from tests.integration.simulated import SimulatorProcess
from tests.integration.tapped import Tap
from tests.integration.test_counted_errands import counters
from tests.integration.test_errands import errand

# What ``[profiles.virtual]`` says and no option does; the default serves.
NOT_ASKED = {"read", "interval", "max_info", "address_size"}


class HostCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.environment: dict[str, str] = {}

    def simulate(self, personality: str) -> None:
        """``host`` are the options by which its first meter is reached and let in.

        All virtual meters have the same title and keys, and none knows the others' counters.
        """
        self.state = self.folder / personality
        self.environment["XDG_STATE_HOME"] = str(self.state)
        written = self.folder / f"{personality}.toml"
        simulator = SimulatorProcess(f"--personality={personality}", f"--config-out={written}")
        simulator.__enter__()
        self.addCleanup(simulator.__exit__, None, None, None)
        table = tomllib.loads(written.read_text())
        self.login: Mapping[str, Any] = table["profiles"]["virtual"]
        (meter,) = table["meters"]
        self.port = meter["port"]
        self.host = [
            f"--logical={meter['logical_device']}",
            f"--physical={meter['physical_device']}",
            *self.options(),
        ]

    def options(self) -> Iterator[str]:
        for key, value in self.login.items():
            option = f"--{key.replace('_', '-')}"
            if key in NOT_ASKED:
                continue
            if value is True:
                yield option
            elif key in VARIABLES:
                file = self.folder / key
                file.write_text(f"{value}\n")
                yield f"{option}-file={file}"
            else:
                yield f"{option}={value}"

    def run_command(
        self, command: str, *arguments: str, port: int | None = None, options: bool = True
    ) -> subprocess.CompletedProcess[str]:
        host = ("127.0.0.1", f"--port={port or self.port}", *(self.host if options else ()))
        return errand(command, *host, *arguments, environment=self.environment)

    def secrets(self) -> list[str]:
        return [self.login[key] for key in VARIABLES if key in self.login]


class LoginTests(HostCase):
    """Each way to be let in, with its secrets in files."""

    def reads(self, *personalities: str) -> None:
        for personality in personalities:
            self.simulate(personality)
            ended = self.run_command("read", "voltage_l1", "--trace")
            self.assertEqual(ended.returncode, 0, (personality, ended))
            self.assertRegex(ended.stdout, r"^voltage_l1  2\d\d\.\d V$")
            for secret in self.secrets():
                self.assertNotIn(secret.lower(), (ended.stdout + ended.stderr).lower())
            form = self.login.get("ciphering")
            shown = "general-ciphering" if form not in (None, "general") else ""
            self.assertIn(shown, ended.stderr)

    def test_gmac_and_ciphering_of_every_suite(self) -> None:
        self.reads("secure", "secure-wrapper", "suite-1", "suite-2")

    def test_ecdsa_of_both_suites(self) -> None:
        self.reads("ecdsa", "ecdsa-suite-2")

    def test_high_level_security_by_short_names(self) -> None:
        self.reads("short-names-md5", "short-names-secure", "short-names-ecdsa")

    def test_a_manufacturers_own(self) -> None:
        self.reads("hls-manufacturer")

    def test_keys_of_one_use(self) -> None:
        self.reads("wrapped", "one-pass", "static", "signed")

    def test_keys_of_one_use_suite_2(self) -> None:
        self.reads("wrapped-suite-2", "one-pass-suite-2", "static-suite-2", "signed-suite-2")

    def test_short_names(self) -> None:
        self.reads("short-names")


class CommandsTests(HostCase):
    """Every command speaks to it, and none draws a counter again."""

    def test_each_command_and_its_counters(self) -> None:
        self.simulate("secure")
        tap = Tap(self.port)
        self.addCleanup(tap.stop)
        for command, *arguments in (
            ("read", "voltage_l1"),
            ("browse",),
            ("profile", "1-0:99.1.0", "--last=3"),
            ("clock",),
            ("trace",),
            ("keys",),
            ("keys",),
        ):
            ended = self.run_command(command, *arguments, port=tap.port)
            self.assertEqual(ended.returncode, 0, (command, ended))
        drawn = [counter for octets in tap.sent for counter in counters(bytes(octets))]
        self.assertGreater(len(drawn), 20)
        self.assertEqual(drawn, sorted(set(drawn)))
        told = json.loads(self.run_command("keys", "--json").stdout)["ours"]
        self.assertEqual(told["suite"], 0)
        self.assertGreater(told["next"], drawn[-1])
        self.assertTrue((self.state / "dlmsd" / "outbox.db").exists())

    def test_what_writes_needs_a_profile_that_allows_it(self) -> None:
        self.simulate("secure")
        mode = "disconnect-control/0-0:96.3.10/control_mode"
        ended = self.run_command("set", mode, "3", "--yes")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("writing is off", ended.stderr)
        config = self.folder / "dlmsd.toml"
        config.write_text(f'[daemon]\nstate_dir = "{self.folder}/daemon"\n')
        profiles = self.folder / "profiles"
        profiles.mkdir()
        (profiles / "writer.toml").write_text("writing = true\n")
        image = self.folder / "image"
        image.write_bytes(bytes(1000))
        for command, *arguments in (
            ("set", mode, "3"),
            ("action", "disconnect-control/0-0:96.3.10/remote_disconnect"),
            ("firmware", str(image), "--identification=VM-2.0"),
        ):
            # Profiles are those of the folder that it is started in.
            ended = errand(
                *(command, "127.0.0.1", f"--port={self.port}", *self.host, f"-c{config}"),
                *("--profile=writer", *arguments, "--yes"),
                environment=self.environment,
                cwd=self.folder,
            )
            self.assertEqual(ended.returncode, 0, (command, ended))
        # Its counters are with those of the configuration that there is.
        self.assertTrue((self.folder / "daemon" / "outbox.db").exists())

    def test_short_names(self) -> None:
        self.simulate("short-names")
        for command, *arguments in (("browse",), ("clock",), ("profile", "1-0:99.1.0", "--last=3")):
            ended = self.run_command(command, *arguments)
            self.assertEqual(ended.returncode, 0, (command, ended))


class SecretTests(HostCase):
    def test_keys_of_the_environment(self) -> None:
        self.simulate("secure")
        self.environment |= {
            VARIABLES[key]: self.login[key] for key in VARIABLES.keys() & self.login
        }
        self.host = [option for option in self.host if "-file=" not in option]
        ended = self.run_command("read", "voltage_l1")
        self.assertEqual(ended.returncode, 0, ended)

    def test_keys_of_the_environment_are_none_of_a_plain_meter(self) -> None:
        self.simulate("microstar")
        self.environment |= {VARIABLES["encryption_key"]: 16 * "00"}
        ended = self.run_command("read", "voltage_l1")
        self.assertEqual(ended.returncode, 0, ended)

    def test_a_missing_key_is_named_and_a_wrong_one_not_shown(self) -> None:
        self.simulate("secure")
        without = [option for option in self.host if "encryption-key" not in option]
        whole, self.host = self.host, without
        ended = self.run_command("read", "voltage_l1")
        self.assertEqual(ended.returncode, 64)
        self.assertIn("encryption_key: ", ended.stderr)
        (self.folder / "encryption_key").write_text("0123456789\n")
        self.host = whole
        ended = self.run_command("read", "voltage_l1")
        self.assertEqual(ended.returncode, 64)
        self.assertNotIn("0123456789", ended.stderr)

    def test_a_bad_configuration_hides_where_counters_are(self) -> None:
        self.simulate("secure")
        etc = self.folder / "etc"
        etc.mkdir()
        (etc / "dlmsd.toml").write_text("nonsense")
        host = ("127.0.0.1", f"--port={self.port}", *self.host)
        ended = errand("read", *host, "voltage_l1", environment=self.environment, cwd=self.folder)
        self.assertEqual((ended.returncode, ended.stdout), (78, ""), ended)
        self.assertFalse(self.state.exists())
