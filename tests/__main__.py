"""``python -m tests``: trial over everything, closed by one plain line of counts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Final

# Each process may run a daemon, a broker and a browser besides.
_MOST_PROCESSES: Final = 4


def main(arguments: list[str]) -> int:
    """Run trial with ``arguments`` (default: all tests) and count what it says."""
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
    command = [sys.executable, "-m", "twisted.trial", f"--jobs={processes}"]
    command += arguments or ["tests"]
    trial = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert trial.stdout is not None
    counts: dict[str, int] = {}
    for line in trial.stdout:
        print(line, end="", flush=True)
        if re.match(r"(PASSED|FAILED)\b", line):
            counts = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line)}
    code = trial.wait()
    failed = sum(counts.get(name, 0) for name in ("failures", "errors", "unexpectedSuccesses"))
    passed, skipped = counts.get("successes", 0), counts.get("skips", 0)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return code or (0 if passed else 5)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
