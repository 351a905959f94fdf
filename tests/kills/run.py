"""Many episodes, several at a time, between one broker and one nursery."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path

from tests.integration.mosquitto import Mosquitto
from tests.kills.episode import Episode
from tests.kills.judge import Figures
from tests.kills.nursery import Nursery


def run(
    kills: int,
    *,
    jobs: int,
    seed: int = 1,
    each: int = 100,
    progress: Callable[[Figures], None] = lambda figures: None,
) -> Figures:
    """At least so many kills in episodes of about ``each``; SkipTest without mosquitto.

    Nothing is shown by daemons that read nothing: a life gives one reading at least, on average.
    """
    total = Figures()
    with tempfile.TemporaryDirectory() as folder, closing(Nursery()) as nursery:
        broker = Mosquitto(Path(folder))
        broker.start()
        try:
            with ThreadPoolExecutor(jobs) as pool:
                tasks = [
                    pool.submit(lambda number: Episode(number, each, nursery, broker).run(), number)
                    for number in range(seed, seed + -(-kills // each))
                ]
                for task in as_completed(tasks):
                    total.add(task.result())
                    progress(total)
        finally:
            broker.stop()
    if total.read < total.starts.total():
        total.violations.append(f"{total.starts.total()} lives read {total.read} times")
    return total
