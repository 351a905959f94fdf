"""SIGTERM at any moment of a start: it stops, and nothing begins behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.powercut.vfs import MemoryVfs
from tests.store.immediate import ImmediateWriter
from tests.storm import world as worlds
from tests.storm.world import Size, World, room

JOB_SECONDS = 0.01
STEPS = 60


class SlowWriter(ImmediateWriter):
    """Each job takes its time, so that there are moments between them."""

    def __init__(self, later: Callable[..., object]) -> None:
        super().__init__()
        self._later = later

    def run(self, job: Callable[[], Any]) -> Any:
        self.hold()
        done = super().run(job)
        self._later(JOB_SECONDS, self.release)
        return done


class StopTests(SynchronousTestCase):
    def stopped_after(self, seconds: float) -> tuple[bool, list[str]]:
        """Whether it was ready by then; and what went wrong."""
        critical: list[str] = []

        def see(event: dict[str, Any]) -> None:
            if event.get("log_level") is LogLevel.critical:
                critical.append(str(event.get("log_failure") or event.get("reason")))

        folder, remove = room(1)
        globalLogPublisher.addObserver(see)
        try:
            with MemoryVfs() as vfs:
                world = World(1, Size(meters=2), vfs, folder)
                later = world.network.callLater
                self.patch(worlds, "ImmediateWriter", lambda: SlowWriter(later))
                world.build()
                world.start()
                world.network.run(seconds)
                assert world.daemon is not None
                ready = world.daemon._ready
                world.leave()
                world.end()
                return ready, critical + world.judge.figures.violations
        finally:
            globalLogPublisher.removeObserver(see)
            remove()

    def test_at_any_moment(self) -> None:
        ready = 0
        for step in range(STEPS):
            was_ready, wrong = self.stopped_after(step * JOB_SECONDS / 2)
            self.assertEqual(wrong, [], f"stopped after {step} steps")
            ready += was_ready
        # Some came before it was ready, and some behind.
        self.assertGreater(ready, 5)
        self.assertGreater(STEPS - ready, 5)
