"""Storms keep every promise, come again exactly, and see a promise that is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.courier import Courier
from dlmsd.store.ledger import Ledger
from tests.storm.judge import Figures
from tests.storm.run import storm
from tests.storm.weather import KINDS
from tests.storm.world import Size

ROOT = Path(__file__).parents[2]
SEEDS = range(1, 201)
SHORT = Size(meters=10, hours=0.25)
BUSY = Size(interval=5.0, hours=0.5)


class StormTests(SynchronousTestCase):
    def test_two_hundred_storms_break_no_promise(self) -> None:
        total = Figures()
        with ProcessPoolExecutor(2) as pool:
            for done in pool.map(partial(storm, size=Size()), SEEDS, chunksize=5):
                self.assertEqual(done.figures.violations, [], f"seed {done.seed}")
                total.add(done.figures)
        print(
            f"{total.readings} readings, {total.kills} kills, {total.cuts} power cuts, "
            f"{sum(total.faults.values())} faults",
            end=" ",
        )
        # Nothing is shown by weather that never came.
        self.assertLessEqual({kind.__name__.strip("_") for kind in KINDS}, set(total.faults))
        self.assertGreater(total.readings, 100_000)
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


class OracleTests(SynchronousTestCase):
    """A bug put in on purpose is seen."""

    def broken(self, size: Size = SHORT) -> str:
        """What the first storm that broke a promise broke."""
        for seed in range(1, 20):
            found = storm(seed, size).figures.violations
            if found:
                return "\n".join(found[:10])
        return ""

    def test_delivered_before_it_was_acknowledged(self) -> None:
        send = Courier._send

        def eager(self: Any, session: Any, message: Any, ids: tuple[int, ...]) -> None:
            send(self, session, message, ids)
            self._outbox.delivered(ids)

        self.patch(Courier, "_send", eager)
        self.assertIn("the broker never took it", self.broken(BUSY))

    def test_delivered_although_it_was_refused(self) -> None:
        unheeding = Courier.acknowledged

        def content(self: Any, acknowledgements: Any) -> bool:
            return unheeding(self, [(number, 0) for number, _ in acknowledgements])

        self.patch(Courier, "acknowledged", content)
        self.assertIn("the broker never took it", self.broken(BUSY))

    def test_told_as_read_before_the_commit(self) -> None:
        commit = Ledger.commit

        def late(self: Any, batch: Any, *rest: Any) -> Any:
            most = batch.waiting[:-1] if len(batch.waiting) > 3 else batch.waiting
            return commit(self, evolve(batch, waiting=most), *rest)

        self.patch(Ledger, "commit", late)
        self.assertIn("never arrived", self.broken())

    def test_a_value_that_was_made_up(self) -> None:
        from dlmsd.meter.scaling import Scale

        value = Scale.value

        def wrong(self: Any, data: Any) -> Any:
            told = value(self, data)
            return told + 1 if data.value == 0 or str(data.value).endswith("7") else told

        self.patch(Scale, "value", wrong)
        self.assertIn("never answered", self.broken())

    def test_a_timestamp_used_twice(self) -> None:
        from dlmsd.store.counters import Change

        self.patch(Change, "add_reading", lambda self, meter, ts: None)
        self.patch(Ledger, "last_ts", lambda self: {})
        self.assertNotEqual(self.broken(), "")
