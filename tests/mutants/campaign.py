"""Each mutant in a copy of its own, before the eyes of its catcher."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.mutants.keeping import KEEPING
from tests.mutants.mutant import Catcher, Mutant
from tests.mutants.reading import READING

ROOT: Final = Path(__file__).parents[2]
MUTANTS: Final = (*READING, *KEEPING)
# The slowest catcher takes one minute; a bug may make it slower.
PATIENCE: Final = 300.0
_COPIED: Final = ("dlmsd", "tests", "twisted", "etc", "tap", "benchmarks")
_LEFT: Final = shutil.ignore_patterns("__pycache__", "_trial_temp*", ".hypothesis", "dropin.cache")


@frozen
class Verdict:
    """What became of one mutant, or of good code where ``mutant`` is None."""

    catcher: Catcher
    mutant: Mutant | None
    code: int
    seconds: float
    output: str

    @property
    def good(self) -> bool:
        """A bug was seen and told, or good code let through; who never ends has seen nothing."""
        if self.mutant is None:
            return self.code == 0
        return self.code > 0 and self.catcher.says(self.output)


def judge(catcher: Catcher, mutant: Mutant | None) -> Verdict:
    """Copy the source, put the bug in, and let the catcher look."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for name in _COPIED:
            shutil.copytree(ROOT / name, copy / name, ignore=_LEFT)
        for file in ROOT.iterdir():
            if file.is_file():
                shutil.copy(file, copy)
        if mutant is not None:
            mutant.apply(copy)
            code, output = _run(mutant.importing, copy)
            if code:
                return Verdict(catcher, mutant, -1, 0.0, f"cannot be imported: {output}")
        began = time.monotonic()
        code, output = _run(catcher.command, copy)
        return Verdict(catcher, mutant, code, time.monotonic() - began, output)


def _run(command: Sequence[str], copy: Path) -> tuple[int, str]:
    """Its exit code, below 0 if it had to be ended, and what it printed."""
    process = subprocess.Popen(
        command,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "TMPDIR": str(copy), "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f"\nnot within {PATIENCE} s"
    return process.returncode, output


def run(mutants: Sequence[Mutant], jobs: int) -> Iterator[Verdict]:
    """First each catcher on good code, since one that always fails catches nothing."""
    catchers = dict.fromkeys(mutant.catcher for mutant in mutants)
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda catcher: judge(catcher, None), catchers)
        yield from pool.map(lambda mutant: judge(mutant.catcher, mutant), mutants)
