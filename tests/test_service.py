"""The shipped systemd unit, and what dlmsd needs of the system that it shuts out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.system import ETC, STATE

UNIT: Final = Path(__file__).parents[1] / "etc" / "dlmsd.service"


def said(key: str) -> list[str]:
    """What the unit says of it, in the order of its lines."""
    lines = UNIT.read_text("utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


class ServiceTests(SynchronousTestCase):
    def test_commands_look_where_it_keeps_its_files(self) -> None:
        self.assertEqual(said("ConfigurationDirectory"), [Path(ETC).name])
        self.assertEqual(said("StateDirectory"), [Path(STATE).name])
        self.assertEqual([str(Path(path).parent) for path in (ETC, STATE)], ["/etc", "/var/lib"])

    def test_the_kernel_may_be_asked_of_the_clock(self) -> None:
        """@privileged has @clock in it, and ProtectClock= forbids to read it, too. The
        last is that of 32-bit ARM."""
        self.assertEqual(said("ProtectClock"), [])
        filters = said("SystemCallFilter")
        self.assertEqual(filters[0], "@system-service", "a list of what is allowed")
        taken = next(at for at, line in enumerate(filters) if line.startswith("~"))
        given = {call for line in filters[taken + 1 :] for call in line.split()}
        self.assertLessEqual({"adjtimex", "clock_adjtime", "clock_adjtime64"}, given)
        self.assertEqual(said("CapabilityBoundingSet"), [""], "so it cannot be set")
