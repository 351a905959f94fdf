"""What the process is given: timers that no wall clock moves, and enough open files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

# A wall clock that somebody sets, a hundred times, by 1 s to 10 years either way; timers are
# due all the while. A busy machine makes timers late, never early.
STEPPED = """
import random
import time

real, offset = time.time, 0.0
time.time = lambda: real() + offset

from dlmsd.machine import monotonic_reactor

reactor = monotonic_reactor()
began, early, late = time.monotonic(), [], []


def step():
    global offset
    offset += random.choice((-1, 1)) * 10 ** random.uniform(0, 8.5)


def fired(due):
    off = time.monotonic() - began - due
    (late if off > 5 else early if off < -0.001 else []).append(off)


for number in range(100):
    reactor.callLater(number / 100, step)
    reactor.callLater(number / 90, fired, number / 90)
reactor.callLater(1.2, reactor.stop)
reactor.run()
print(len(early), len(late))
"""


def run(program: str) -> str:
    """All that it says, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.stdout + ended.stderr


LIMITED = """
import resource

for few, most in ((256, 4096), (512, 512), (100, 100)):
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))

    from dlmsd.machine import open_more_files

    open_more_files()
    print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


class FilesTests(SynchronousTestCase):
    def test_as_many_as_there_may_be(self) -> None:
        self.assertEqual(run(LIMITED), "4096 4096\n512 512\n100 100\n")


class WallClockTests(SynchronousTestCase):
    def test_a_hundred_steps_move_no_timer(self) -> None:
        self.assertEqual(run(STEPPED), "0 0\n")


class LanguageTests(SynchronousTestCase):
    def test_a_bad_file_is_told_of_in_its_language(self) -> None:
        path = Path(self.mktemp()).absolute()
        program = (
            "from dlmsd.tap import Options, makeService\n"
            "options = Options()\n"
            f"options.parseOptions(['--config', {str(path)!r}])\n"
            "makeService(options)\n"
        )
        for language, sentence in (("es", "sección desconocida"), ("en", "unknown section")):
            path.write_text(f'[daemon]\nlanguage = "{language}"\n[nothing]\n')
            self.assertIn(sentence, run(program))
