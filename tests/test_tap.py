"""Timers do not follow the wall clock."""

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


class WallClockTests(SynchronousTestCase):
    def test_a_hundred_steps_move_no_timer(self) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", STEPPED],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual((ended.stdout, ended.stderr), ("0 0\n", ""))
