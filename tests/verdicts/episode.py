"""One episode: a cause, a broker, a load; and what the sink made of it."""

from __future__ import annotations

from random import Random

from attrs import frozen

from dlmsd.model import CloseCause, Verdict
from tests.verdicts.causes import CAUSES
from tests.verdicts.scene import Scene


@frozen
class Outcome:
    """``verdict`` is the last that was told, ``seconds`` from the cause to the first that was
    right.
    """

    seed: int
    told: str
    cause: CloseCause
    verdict: Verdict | None
    seconds: float | None

    @property
    def found(self) -> CloseCause | None:
        return self.verdict.cause if self.verdict else None

    @property
    def right(self) -> bool:
        return self.found is self.cause


def play(cause: CloseCause, seed: int) -> Outcome:
    """The episode of this seed."""
    random = Random(f"{cause.value} {seed}")
    act, kinds = CAUSES[cause]
    kind, version = random.choice(kinds), random.choice((5, 311))
    scene = Scene(random.getrandbits(32), kind, version)
    begin = random.uniform(20, 200)
    due = act(scene, begin)
    first: list[float] = []

    def look() -> bool:
        if not first and scene.cause is cause:
            first.append(scene.clock.seconds() - begin)
        return False

    scene.run(due, look)
    told = f"{kind} MQTT {version}, {len(scene.names)} meters every {scene.interval:.0f} s"
    # One that has done its time is told no more; the last that was told is meant.
    told_last = (one.verdict for one in reversed(scene.statuses) if one.verdict is not None)
    verdict = next(told_last, None)
    return Outcome(seed, told, cause, verdict, first[0] if first else None)
