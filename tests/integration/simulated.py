"""``dlmsd simulate`` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = "from dlmsd.cli.simulate import simulate; exit(simulate(standalone_mode=False))"


class SimulatorProcess:
    """Runs from ``with`` to the end of its block, on free ports unless told otherwise.

    ``endpoints`` is what it prints: name, host, port, logical, physical of each meter; empty
    when it ended at once. Afterwards ``exit_code`` and ``errors`` tell how it ended.
    """

    def __init__(self, *options: str) -> None:
        self._options = options if "--port" in options else ("--port", "0", *options)
        self.endpoints: list[dict[str, Any]] = []
        self.exit_code: int | None = None
        self.errors = ""

    def __enter__(self) -> SimulatorProcess:
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "--json", *self._options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.endpoints = json.loads(line) if line else []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.endpoints:
            self._process.send_signal(signal.SIGTERM)
        try:
            _, self.errors = self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self.exit_code = self._process.returncode
