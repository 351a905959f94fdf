"""A folder with configuration files, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.load import load
from dlmsd.config.values import Configuration
from dlmsd.errors import ConfigurationError

METER = """
[[meters]]
name = "a"
host = "10.0.0.1"
password = "canary-low"
read = ["voltage_l1"]
"""


class ConfigurationCase(SynchronousTestCase):
    """Each test has a folder of its own; its main file is ``dlmsd.toml``."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, text: str | bytes, **environ: str) -> Configuration:
        return load(self.write("dlmsd.toml", text), environ=environ)

    def problems(self, text: str | bytes, **environ: str) -> list[str]:
        """Every problem as the operator reads it, without the folder."""
        path = self.write("dlmsd.toml", text)
        try:
            load(path, environ=environ)
        except ConfigurationError as error:
            return [str(problem).replace(f"{self.folder}/", "", 1) for problem in error.problems]
        return []

    def expect(self, table: dict[str, tuple[str, ...]], before: str = "", after: str = "") -> None:
        """Each text, set between ``before`` and ``after``, has exactly its problems."""
        for text, problems in table.items():
            with self.subTest(text):
                self.assertEqual(self.problems(before + text + after), list(problems))
