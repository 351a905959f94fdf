"""``python -m tests``: trial over everything in several processes, what failed, and the counts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path
from typing import Final

# Each process may run a daemon, a broker and a browser besides.
_MOST_PROCESSES: Final = 4
# Modules of one trial: enough that its start counts little, few enough to share out evenly.
_MODULES: Final = 8
# What takes longest begins first.
_LONG: Final = ("storm", "integration", "schema", "fuzz", "kills", "powercut", "matrix", "verdicts")
_TRIAL: Final = (sys.executable, "-m", "twisted.trial")


def main(arguments: list[str]) -> int:
    """Run trial with ``arguments`` (default: all tests) and count what it says."""
    counts: Counter[str] = Counter()
    codes = []
    names: list[str] = []
    shares = [arguments] if arguments else _shares()
    jobs = [["--temp-directory", f"_trial_temp/{n}", *one] for n, one in enumerate(shares)]
    Path("_trial_temp").mkdir(exist_ok=True)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_PROCESSES)) as pool:
        for done in as_completed([pool.submit(_trial, job) for job in jobs]):
            code, said = done.result()
            print(said, flush=True)
            codes.append(code)
            names += _failed(said)
            counts.update(_counted(said) or {"errors": 1})
    failed = sum(counts[name] for name in ("failures", "errors", "unexpectedSuccesses"))
    passed, skipped = counts["successes"], counts["skips"]
    print(*names, sep="\n", end="\n" if names else "")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return max(codes, default=0) or (0 if passed else 5)


def _shares() -> list[list[str]]:
    """All test modules, some of one package in each share."""
    root = Path(__file__).parent
    modules = sorted(path.relative_to(root) for path in root.rglob("test_*.py"))
    modules.sort(key=lambda path: _LONG.index(path.parts[0]) if path.parts[0] in _LONG else 99)
    shares = []
    for _, of_one in groupby(modules, key=lambda path: path.parts[0]):
        names = [".".join(("tests", *path.with_suffix("").parts)) for path in of_one]
        shares += [names[place : place + _MODULES] for place in range(0, len(names), _MODULES)]
    return shares


def _trial(arguments: list[str]) -> tuple[int, str]:
    done = subprocess.run(
        [*_TRIAL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def _failed(said: str) -> list[str]:
    """Names of tests below trial's headings of what went wrong, each with heading and cause."""
    parts = re.split(r"(?m)^\[(FAIL|ERROR|UNEXPECTED SUCCESS)\]$", said)
    return [
        f"{heading} {name}{_cause(text)}"
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
        for name in re.findall(r"(?m)^tests\.[\w.]+$", text)
    ]


def _cause(text: str) -> str:
    """What was raised, in a line; nothing where no traceback tells it."""
    raised = re.findall(r"(?m)^(?!tests\.[\w.]+$|Traceback)[A-Za-z_][\w.]*\b.*$", text)
    return f": {raised[0][:300]}" if raised else ""


def _counted(said: str) -> dict[str, int]:
    """The numbers of trial's last line; none where it did not come so far."""
    lines = re.findall(r"(?m)^(?:PASSED|FAILED)\b.*$", said)
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", "".join(lines[-1:]))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
