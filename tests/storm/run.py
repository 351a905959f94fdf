"""One storm from its seed to its verdict."""

from __future__ import annotations

import gc
from collections.abc import Collection

from attrs import frozen

from dlmsd.model import MeterState
from tests.powercut.vfs import MemoryVfs
from tests.storm.judge import Figures
from tests.storm.weather import Weather
from tests.storm.world import Size, Watcher, World, room

# Faults strike so often, in seconds on average, and now and then there are none for a while.
MEAN_SECONDS = 60.0
LULL_SECONDS = 7200.0
# Behind the last fault all must be well again within this, and a slot more: a breaker that has
# opened closes after five minutes.
CALM_SECONDS = 400.0
# A meter that refused its client waits a quarter of an hour by itself, three times at most.
REFUSED_SECONDS = 3000.0
# Looked at so often, which is no multiple of any interval: the reading of just now may wait.
LOOK_SECONDS = 7.3
# In good weather each meter is read in each slot, and gives all that it is asked for.
STEADY_SLOTS = 3
# When Python looks for garbage; by its own thresholds that takes a sixth of a storm's time.
_GARBAGE = (50_000, 20, 100)


@frozen
class Storm:
    """What came of one seed."""

    seed: int
    trace: str
    figures: Figures


def storm(seed: int, size: Size) -> Storm:
    """Run it."""
    folder, remove = room(seed)
    gc.freeze()  # what is there already: else a fifth of the time goes by looking through it
    usual = gc.get_threshold()
    gc.set_threshold(*_GARBAGE)
    try:
        with MemoryVfs() as vfs:
            world = World(seed, size, vfs, folder)
            with Watcher(world.judge):
                _run(world)
            return Storm(seed, world.judge.trace, world.judge.figures)
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
        remove()


def _run(world: World) -> None:
    world.build()
    world.start()
    weather = Weather(world)
    end = world.size.hours * 3600
    while world.network.seconds() < end:
        lull = min(end, world.network.seconds() + LULL_SECONDS)
        while world.network.seconds() < lull:
            world.network.run(world.random.expovariate(1 / MEAN_SECONDS))
            _restarted(world)
            weather.strike()
        _calm(world, weather.clear())
        steady(world)
    weather.count()
    world.finish()


def _calm(world: World, refused: Collection[str]) -> None:
    """It becomes well again, in time; meters that ``refused`` the password may take longer."""
    began = world.network.seconds()
    # What was held up until now must show on the board before it is looked at.
    world.network.run(10.0)
    others_are_well = False
    while wrong := _wrong(world):
        passed = world.network.seconds() - began - world.size.interval
        others_are_well = others_are_well or not _wrong(world, refused)
        if passed > (REFUSED_SECONDS if others_are_well else CALM_SECONDS):
            break
        world.network.run(LOOK_SECONDS)
        _restarted(world)
    for each in wrong:
        world.judge.violation(each)


def steady(world: World) -> None:
    """It stays well: each meter is read in each slot, whole."""
    began = world.network.seconds()
    world.network.run((STEADY_SLOTS + 0.5) * world.size.interval)
    read = world.judge.since(began)
    for *_, name, options in world.endpoints:
        whole = [one for one in read[name] if len(one.values) == len(options.read)]
        if len(whole) < STEADY_SLOTS:
            world.judge.violation(
                f"{name} gave {len(whole)} whole readings of {len(read[name])} in good weather"
            )


def _restarted(world: World) -> None:
    """A daemon that has given up is started again, as systemd does it."""
    if world.life is not None and world.life.gave_up:
        world.kill()
        world.start()


def _wrong(world: World, but: Collection[str] = ()) -> list[str]:
    """What is not as it is in good weather, but for some meters."""
    if world.daemon is None:
        return ["there is no daemon"]
    board = world.daemon.board
    wrong = [
        f"{name} is {status.state.value}: {status.error}"
        for name, status in board.meters.items()
        if status.state is not MeterState.READING and name not in but
    ]
    if len(board.meters) < world.size.meters:
        wrong.append(f"{len(board.meters)} meters are known")
    if waiting := sum(board.outbox.queued.values()):
        wrong.append(f"{waiting} deliveries still wait")
    if board.outbox.error:
        wrong.append(f"the outbox: {board.outbox.error}")
    return wrong
