"""One storm from its seed to its verdict."""

from __future__ import annotations

import gc

from attrs import frozen

from dlmsd.model import MeterState
from tests.powercut.vfs import MemoryVfs
from tests.storm.judge import Figures
from tests.storm.weather import Weather
from tests.storm.world import INFLIGHT, Size, Watcher, World, room

# Faults strike so often, in seconds on average.
MEAN_SECONDS = 60.0
# After the last fault all must be well again within this; a meter that refused its client
# waits a quarter of an hour by itself.
CALM_SECONDS = 3000.0
# Looked at so often, which is no multiple of any interval: the reading of just now may wait.
LOOK_SECONDS = 7.3
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
        world.network.run(world.random.expovariate(1 / MEAN_SECONDS))
        _restarted(world)
        weather.strike()
    weather.clear()
    calm = world.network.seconds() + CALM_SECONDS
    # What was held up until now must show on the board before it is looked at.
    world.network.run(10.0)
    while (wrong := _wrong(world)) and world.network.seconds() < calm:
        world.network.run(LOOK_SECONDS)
        _restarted(world)
    for each in wrong:
        world.judge.violation(each)
    world.hush()
    world.leave()
    world.hear_accepted()
    world.judge.finish(INFLIGHT, len(world.broker.connects))
    world.end()


def _restarted(world: World) -> None:
    """A daemon that has given up is started again, as systemd does it."""
    if world.life is not None and world.life.gave_up:
        world.kill()
        world.start()


def _wrong(world: World) -> list[str]:
    """What is not as it is in good weather."""
    if world.daemon is None:
        return ["there is no daemon"]
    board = world.daemon.board
    wrong = [
        f"{name} is {status.state.value}: {status.error}"
        for name, status in board.meters.items()
        if status.state is not MeterState.READING
    ]
    if len(board.meters) < world.size.meters:
        wrong.append(f"{len(board.meters)} meters are known")
    if waiting := sum(board.outbox.queued.values()):
        wrong.append(f"{waiting} deliveries still wait")
    if board.outbox.error:
        wrong.append(f"the outbox: {board.outbox.error}")
    return wrong
