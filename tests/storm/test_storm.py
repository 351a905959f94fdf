"""Storms keep every promise, and come again exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.simulator.faults import FaultKind
from tests.storm.judge import Figures
from tests.storm.run import storm
from tests.storm.weather import KINDS
from tests.storm.world import Size

ROOT = Path(__file__).parents[2]
SEEDS = range(1, 201)


class StormTests(SynchronousTestCase):
    def test_two_hundred_storms_break_no_promise(self) -> None:
        total = Figures()
        with ProcessPoolExecutor(2) as pool:
            for done in pool.map(partial(storm, size=Size()), SEEDS, chunksize=5):
                self.assertEqual(done.figures.violations, [], f"seed {done.seed}")
                total.add(done.figures)
        print(
            f"{total.readings} readings, {total.dated} dated, {total.gaps} gaps, "
            f"{total.kills} kills, {total.cuts} power cuts, {sum(total.faults.values())} faults",
            end=" ",
        )
        # Nothing is shown by weather that never came.
        wanted = {kind.__name__.strip("_") for kind in KINDS} | {kind.value for kind in FaultKind}
        self.assertLessEqual(wanted, set(total.faults))
        self.assertGreater(total.readings, 180_000)
        self.assertGreater(total.dated, 100_000)
        self.assertGreater(total.gaps, 1_000)
        self.assertGreater(total.duplicates, 0)

    def test_the_same_seed_is_the_same_storm(self) -> None:
        """Twenty pairs, in processes that order their sets and dictionaries differently."""
        command = [sys.executable, "-m", "tests.storm", "--seeds=20", "--traces"]
        command += ["--meters=10", "--hours=0.25"]
        runs = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in ("1", "2")
        ]
        first, second = (run.communicate()[0].splitlines() for run in runs)
        traces = [line for line in first if line.startswith("seed ")]
        self.assertEqual(len(set(traces)), 20, first)
        self.assertEqual(traces, [line for line in second if line.startswith("seed ")])
