"""Two worlds of one seed, of which one has its wall clock set again and again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import zip_longest
from random import Random

from attrs import define, field, frozen

from tests.powercut.vfs import MemoryVfs
from tests.storm.judge import Figures
from tests.storm.run import steady
from tests.storm.weather import CALM_KINDS, Weather
from tests.storm.world import Size, Watcher, World, room

# A timer that a step has moved by more was not on the monotonic clock.
MOVED_SECONDS = 0.05
STEPS = 100
_MOST_YEARS = 10 * 365.25 * 86_400
# Between two steps, and between two troubles, in seconds on average.
_STEP_SECONDS, _TROUBLE_SECONDS = 15.0, 60.0
_RESTART = 0.1
_SETTLE_SECONDS = 700.0
_MOST_SHOWN = 5
# A store's news is posted when there is any; how much history is purged follows from the date.
_NEWS = "Bulletin._now"


@define
class Run:
    """What one world did: each timer of the daemon as it fired, and the judge's figures."""

    timers: list[tuple[float, str]] = field(factory=list)
    figures: Figures = field(factory=Figures)
    steps: int = 0
    furthest: float = 0.0


@frozen
class Twins:
    """What came of one seed."""

    seed: int
    steps: int
    timers: int
    readings: int
    moved: float
    violations: tuple[str, ...]


def twins(seed: int, steps: int = STEPS, size: Size | None = None) -> Twins:
    """Run both, and compare."""
    size = size or Size(meters=5, interval=5.0)
    try:
        still = _run(seed, steps, size, stepped=False)
        stepped = _run(seed, steps, size, stepped=True)
    except SystemExit as end:
        return Twins(seed, 0, 0, 0, 0.0, (f"a daemon did not start, with code {end}",))
    moved, wrong = _compare(still, stepped)
    wrong += [f"with steps: {each}" for each in stepped.figures.violations]
    wrong += [f"without steps: {each}" for each in still.figures.violations]
    return Twins(
        seed,
        stepped.steps,
        len(stepped.timers),
        stepped.figures.readings,
        moved,
        tuple(wrong[:_MOST_SHOWN]),
    )


def _run(seed: int, steps: int, size: Size, *, stepped: bool) -> Run:
    folder, remove = room(seed)
    try:
        with MemoryVfs() as vfs:
            world = World(seed, size, vfs, folder)
            run = Run(figures=world.judge.figures)
            world.fired = _remember(world, run)
            with Watcher(world.judge):
                _live(world, run, steps, Random(f"steps {seed}"), stepped=stepped)
            return run
    finally:
        remove()


def _remember(world: World, run: Run) -> Callable[[Callable[..., object]], None]:
    def fired(function: Callable[..., object]) -> None:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        if name != _NEWS:
            run.timers.append((world.network.seconds(), name))

    return fired


def _live(world: World, run: Run, steps: int, random: Random, *, stepped: bool) -> None:
    """The same in both worlds, but for the clock."""
    world.build()
    world.start()
    weather = Weather(world, CALM_KINDS)
    trouble = random.expovariate(1 / _TROUBLE_SECONDS)
    for _ in range(steps):
        world.network.run(random.expovariate(1 / _STEP_SECONDS))
        restarts = random.random() < _RESTART
        if restarts:
            world.leave()
        _step(world, run, random, stepped=stepped)
        if restarts:
            world.start()
        if world.network.seconds() > trouble:
            weather.strike()
            trouble = world.network.seconds() + random.expovariate(1 / _TROUBLE_SECONDS)
    weather.clear()
    world.network.run(_SETTLE_SECONDS)
    steady(world)
    world.finish()


def _step(world: World, run: Run, random: Random, *, stepped: bool) -> None:
    """A second to ten years, there or back, and never further than ten years away."""
    step = math.exp(random.uniform(0.0, math.log(_MOST_YEARS))) * random.choice((-1, 1))
    if not stepped:
        return
    if abs(world.offset + step) > _MOST_YEARS:
        step = -step
    world.step(step)
    run.steps += 1
    run.furthest = max(run.furthest, abs(step))


def _compare(still: Run, stepped: Run) -> tuple[float, list[str]]:
    """By how much a timer moved at most, and what is wrong with any."""
    most, wrong = 0.0, list[str]()
    for (when, name), (then, other) in _pairs(still, stepped):
        moved = abs(then - when)
        if name != other:
            wrong.append(f"at {when:.3f} s {name} fired, with steps {other} at {then:.3f} s")
            return math.inf, wrong
        most = max(most, moved)
        if moved > MOVED_SECONDS:
            wrong.append(f"{name} fired at {when:.3f} s, with steps at {then:.3f} s")
    return most, wrong


def _pairs(still: Run, stepped: Run) -> Iterator[tuple[tuple[float, str], tuple[float, str]]]:
    nothing = (math.inf, "nothing")
    return zip_longest(still.timers, stepped.timers, fillvalue=nothing)
