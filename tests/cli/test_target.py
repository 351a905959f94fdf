"""How a command finds its meter: a name of the configuration, or a host."""

from __future__ import annotations

import errno
import io
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from click import UsageError
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.target import Target, chosen
from dlmsd.secret import Secret
from dlmsd.store.own import Override, OwnMeasurement, OwnMeter
from tests.store.registry_case import RegistryCase

CONFIGURATION = """
[daemon]
state_dir = "state"
[[meters]]
name = "plant-a"
host = "10.0.0.9"
profile = "microstar"
port = 4711
[meters.read]
hall = { obis = "1-1:1.8.0", unit = "kWh" }
"""


def unopened(path: str, *flags: int) -> int:
    raise OSError(errno.ENXIO, "no terminal", path)


PUSHING = """
[[push]]
name = "han"
listen = "tcp:4059"
[[meters]]
name = "house-1"
transport = "push"
push = "han"
"""


class TargetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.patch(os, "environ", {"CONFIGURATION_DIRECTORY": str(self.folder)})
        self.config = self.folder / "dlmsd.toml"
        self.config.write_text(CONFIGURATION)

    def choose(self, meter: str, *wanted: str, **given: Any) -> Target:
        table = {name: {} for name in wanted or ("voltage_l1",)}
        return chosen({"meter": meter, "config": None, "trace": False, **given}, table)

    def test_a_name_that_stands_in_the_file(self) -> None:
        target = self.choose("plant-a", "hall")
        self.assertEqual((target.meter.host, target.meter.port), ("10.0.0.9", 4711))
        assert target.configuration is not None
        (hall,) = [one for one in target.meter.read if one.name == "hall"]
        self.assertEqual((str(hall.attribute.obis), hall.unit), ("1-1:1.8.0", "kWh"))

    def test_a_measurement_of_the_catalogue_and_none(self) -> None:
        target = self.choose("plant-a", "reactive_energy")
        self.assertIn("reactive_energy", [one.name for one in target.meter.read])
        error = self.assertRaises(UsageError, self.choose, "plant-a", "voltag")
        said = "voltag is no measurement of plant-a (it has voltage_l"
        self.assertTrue(str(error).startswith(said), str(error))
        error = self.assertRaises(UsageError, self.choose, "plant-a", "hal")
        self.assertEqual(
            str(error),
            "hal is no measurement of plant-a (it has hall, ...); give its OBIS code",
        )

    def test_a_measurement_that_a_host_has_not(self) -> None:
        error = self.assertRaises(UsageError, self.choose, "10.0.0.9", "foo", profile="microstar")
        self.assertIn("foo is no measurement of profile microstar (it has voltage_l1,", str(error))
        os.environ["DLMSD_PASSWORD"] = "22222222"
        error = self.assertRaises(UsageError, self.choose, "10.0.0.9", "foo")
        self.assertIn("foo is no measurement of the catalogue", str(error))

    def test_a_name_that_was_mistyped(self) -> None:
        """It may be a host, but that is told before anything is asked."""
        said: list[str] = []
        self.patch(click, "echo", lambda text, err: said.append(text))
        self.patch(click, "prompt", lambda text, hide_input, err: said.append(text) or "22222222")
        self.assertEqual(self.choose("plant-z").meter.host, "plant-z")
        file = self.folder / "dlmsd.toml"
        note = f"no meter plant-z in {file} (it has plant-a); taken as a host name"
        self.assertEqual(said, [note, "Password"])
        said.clear()
        self.choose("10.0.0.7")
        self.choose("plant-z", profile="microstar")
        self.assertEqual(said, ["Password"], "what can only be a host is told without a word")

    def test_nowhere_to_ask_for_a_password(self) -> None:
        self.patch(os, "open", unopened)
        self.patch(sys, "stdin", io.StringIO("22222222\n"))
        error = self.assertRaises(UsageError, self.choose, "10.0.0.9")
        self.assertIn("give --password-file, or $DLMSD_PASSWORD", str(error))

    def test_everything_else_is_a_host(self) -> None:
        for meter in ("10.0.0.9", "plant-b"):
            target = self.choose(meter, profile="microstar")
            self.assertEqual((target.meter.host, target.configuration), (meter, None))

    def test_options_are_for_a_host(self) -> None:
        error = self.assertRaises(UsageError, self.choose, "plant-a", port=3333)
        self.assertIn("--port is for a HOST", str(error))

    def test_a_meter_that_pushes_is_not_asked(self) -> None:
        text = CONFIGURATION.split("[[meters]]")[0] + PUSHING
        self.config.write_text(text)
        error = self.assertRaises(UsageError, self.choose, "house-1")
        self.assertIn("house-1 pushes, and is not asked", str(error))

    def test_no_file_at_all(self) -> None:
        self.config.unlink()
        os.environ["DLMSD_PASSWORD"] = "22222222"
        self.assertEqual(self.choose("plant-a").meter.host, "plant-a")

    def test_a_bad_file_is_in_the_way_of_names_only(self) -> None:
        self.config.write_text("nonsense")
        ended = self.assertRaises(SystemExit, self.choose, "plant-a")
        self.assertEqual(ended.code, 78)
        self.assertEqual(self.choose("plant-a", profile="microstar").meter.host, "plant-a")
        ended = self.assertRaises(
            SystemExit, self.choose, "plant-a", profile="microstar", config=self.config
        )
        self.assertEqual(ended.code, 78)


class AddedTests(RegistryCase):
    """Names of the registry, while the daemon holds it open."""

    key = Secret("k" * 32)

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.path.parent.absolute()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        (self.folder / "key").write_text("6b" * 32)
        (self.folder / "key").chmod(0o600)
        self.patch(os, "environ", {"CONFIGURATION_DIRECTORY": str(self.folder)})
        self.config = self.folder / "dlmsd.toml"
        text = CONFIGURATION.replace('"state"', f'"{self.folder}"')
        self.config.write_text(text)
        self.seal()
        options = {"host": "10.0.0.7", "profile": "microstar", "interval": Decimal("7.5")}
        secrets = {"password": Secret("sesame12")}
        read = (OwnMeasurement("hall", "1-1:1.8.0"),)
        self.done(self.registry.add(OwnMeter("plant-z", options, secrets, read), "op"))

    def seal(self) -> None:
        text = self.config.read_text()
        self.config.write_text(
            text.replace("[daemon]", '[daemon]\nregistry_key = { file = "key" }')
        )

    def choose(self, meter: str, **given: Any) -> Target:
        return chosen({"meter": meter, "config": None, "trace": False, **given})

    def test_one_that_was_added(self) -> None:
        target = self.choose("plant-z")
        meter = target.meter
        self.assertEqual((meter.host, meter.interval), ("10.0.0.7", 7.5))
        assert meter.password is not None
        self.assertEqual(meter.password.reveal(), b"sesame12")
        assert target.configuration is not None  # its counters, and whether a daemon runs

    def test_as_an_operator_wants_it(self) -> None:
        for name in ("plant-a", "plant-z"):
            self.done(self.registry.override(name, Override(interval=42.0), "op"))
            self.assertEqual(self.choose(name).meter.interval, 42.0)

    def test_options_beside_an_added_one(self) -> None:
        error = self.assertRaises(UsageError, self.choose, "plant-z", port=3333)
        self.assertIn("registry.db, which says how to reach it: --port", str(error))

    def test_sealed_without_its_key(self) -> None:
        self.config.write_text(self.config.read_text().replace("registry_key", "# registry_key"))
        error = self.assertRaises(UsageError, self.choose, "plant-z")
        self.assertIn("plant-z is not read: meter plant-z: its secrets are sealed", str(error))

    def test_a_registry_that_cannot_be_read(self) -> None:
        """A name may then be anything; an address, or a host with options, is what it is."""
        file = self.folder / "registry.db"
        file.rename(self.folder / "away.db")
        file.mkdir()
        error = self.assertRaises(UsageError, self.choose, "plant-z")
        self.assertIn("plant-z does not stand in the file", str(error))
        self.assertEqual(self.choose("plant-a").meter.host, "10.0.0.9")
        self.assertEqual(self.choose("plant-z", profile="microstar").meter.host, "plant-z")
        os.environ["DLMSD_PASSWORD"] = "22222222"
        self.assertEqual(self.choose("10.0.0.7").meter.host, "10.0.0.7")
