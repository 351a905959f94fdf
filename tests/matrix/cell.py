"""One cell of the matrix: from its seed to its verdict."""

from __future__ import annotations

import gc
import math
import traceback
from random import Random

from attrs import field, frozen

from dlmsd.errors import DlmsdError, RefusedError
from dlmsd.model import MeterState
from tests.matrix.judge import (
    MOST_HELD,
    REFUSED_PAUSE,
    Unhandled,
    held,
    judge_beside,
    judge_counts,
    judge_names,
    judge_refusals,
    judge_values,
    last,
    told,
)
from tests.matrix.stage import INTERVAL, SPOILT, Stage
from tests.matrix.state import OPENING, Kind, State
from tests.matrix.table import FAULTS
from tests.meter.fleet import NAMES, START

# Good reads must return within this after the fault's end.
BACK_SECONDS = 35.0
# The longest documented pause between two connections.
LONGEST_PAUSE = 300.0
_STEP = 5.0
_MEET_SECONDS = 60.0


@frozen(order=True)
class Cell:
    """A state, a fault, and whom the session speaks to."""

    state: State
    fault: int
    kind: Kind

    def __str__(self) -> str:
        return f"{self.state.name}/{self.fault}/{self.kind.value}"

    @classmethod
    def parse(cls, text: str) -> list[Cell]:
        """From ``S6/12`` (whomever it speaks to) or ``S6/12/gmac``."""
        state, fault, *kind = text.split("/")
        wanted = [Kind(kind[0])] if kind else list(Kind)
        return [cls(State[state], int(fault), one) for one in wanted]


@frozen
class Verdict:
    """What came of one cell; ``back`` is how long good reads took to return, in seconds."""

    cell: Cell
    seed: int
    met: bool
    strikes: int
    lasted: float
    back: float
    errors: frozenset[str]
    most_held: int
    violations: tuple[str, ...] = field(factory=tuple)

    @property
    def words(self) -> str:
        """In one line."""
        names = ", ".join(sorted(self.errors)) or "nothing"
        return (
            f"{self.strikes} strikes in {self.lasted:.1f} s, back after {self.back:.1f} s, "
            f"called {names}"
        )


class Trial:
    """Runs one cell."""

    def __init__(self, cell: Cell, seed: int) -> None:
        self.cell = cell
        self.seed = seed
        self.random = Random(f"{seed} {cell}")
        self.stage = Stage(cell.kind, self.random)
        self.fault = FAULTS[cell.fault]
        self.wrong: list[str] = []
        self.back = math.nan
        self.most_held = 0

    def run(self) -> Verdict:
        """The verdict; nothing is raised."""
        with Unhandled() as unhandled:
            try:
                self._run()
            except Exception as error:  # noqa: BLE001 - what reaches the reactor is the finding
                where = traceback.extract_tb(error.__traceback__)[-1]
                self.wrong.append(f"reached the reactor: {error!r} at {where.name}:{where.lineno}")
            gc.collect()
        self.wrong += unhandled.found
        line = self.stage.line
        lasted = (line.ended or 0.0) - (line.begun or 0.0)
        return Verdict(
            self.cell,
            self.seed,
            line.begun is not None,
            line.strikes,
            lasted,
            self.back,
            frozenset(kind.__name__ for kind, _ in self._told()),
            self.most_held,
            tuple(self.wrong),
        )

    def _run(self) -> None:
        stage, random = self.stage, self.random
        stage.open()
        early = self.cell.state is not State.S9 and random.random() < 0.5
        if early:
            self._arm()
        stage.read()
        if not early:
            stage.network.run(random.uniform(1, 3) * INTERVAL)
            self._arm()
            if self.cell.state is State.S9:
                self._leave()
            elif self.cell.state in OPENING | {State.S10} and stage.line.wire is not None:
                stage.line.wire.pipe.abortConnection()
        self._weather()
        self._return()
        stage.network.run(2 * INTERVAL)
        self._judge()
        self.wrong += stage.stop()
        self.wrong += stage.close()

    def _arm(self) -> None:
        """Once, a few times, or for a while."""
        random = self.random
        limit, seconds = random.choice(((1, 0.0), (2, 0.0), (3, 0.0), (0, 12.0), (0, 60.0)))
        seconds = seconds or random.uniform(5, 20)
        self.stage.line.arm(self.cell.state, self.fault, limit or math.inf, seconds)

    def _leave(self) -> None:
        """The fleet stops, and begins anew."""
        line = self.stage.line
        line.stopping = True
        self.wrong += self.stage.stop()
        line.stopping = False
        line.disarm()
        self.stage.read()

    def _weather(self) -> None:
        """Until the fault has ended."""
        network, line = self.stage.network, self.stage.line
        limit = network.seconds() + _MEET_SECONDS
        while line.begun is None and network.seconds() < limit and line.ended is None:
            network.run(1.0)
        while line.begun is not None and line.ended is None:
            network.run(1.0)
            self._weigh()
        if line.ended is not None and line.ended > network.seconds():
            network.run(line.ended - network.seconds())
        self._weigh()
        line.disarm()

    def _weigh(self) -> None:
        """What the client holds of what came."""
        wire = self.stage.line.wire
        if wire is not None and wire.pipe.open:
            self.most_held = max(self.most_held, held(wire.pipe.protocol))

    def _return(self) -> None:
        """Good reads again, in time, of all that is to be read."""
        stage = self.stage
        ended = stage.line.ended
        assert ended is not None
        bound = BACK_SECONDS
        while stage.network.seconds() < ended + bound and not self._whole(ended):
            stage.network.run(_STEP)
            bound = BACK_SECONDS + self._announced(ended)
        whole = self._whole(ended)
        if whole and whole[0] - ended <= bound:
            self.back = whole[0] - ended
            return
        status = last(stage)
        reason = (status and status.error) or f"read {self._read(ended)[-1:]}"
        self.wrong.append(f"not back after {bound:.0f} s: {reason}")

    def _whole(self, since: float) -> list[float]:
        """When the spoilt meter gave all of its measurements."""
        return [when for when, keys in self._read(since) if keys == set(NAMES)]

    def _read(self, since: float) -> list[tuple[float, set[str]]]:
        """When the spoilt meter gave what."""
        readings = [(when, r) for when, r in self.stage.readings if when >= since]
        return [(when, set(r.values)) for when, r in readings if r.meter == SPOILT]

    def _announced(self, ended: float) -> float:
        """For how long after the fault the status said that the meter is left alone.

        What is told later than good reads were due is no excuse.
        """
        refused = any(issubclass(kind, RefusedError) for kind, _ in self._told())
        slots = [
            status.next_attempt_ts / 1000 - START
            for when, status in self.stage.statuses
            if status.name == SPOILT and status.next_attempt_ts and when < ended + BACK_SECONDS
        ]
        longest = REFUSED_PAUSE if refused else LONGEST_PAUSE
        return min(max((slot - ended for slot in slots if slot > ended), default=0.0), longest)

    def _told(self) -> list[tuple[type[DlmsdError], str]]:
        begun = self.stage.line.begun
        return [] if begun is None else told(self.stage, begun)

    def _blurred(self) -> bool:
        """Whether a segment may be taken for one of another answer.

        HDLC counts to eight, and but for the first, which has the invoke-id, nothing else in a
        segment tells whose it is; tags do.
        """
        segments = self.cell.state is State.S8 and self.cell.kind is Kind.HDLC
        return segments and self.fault.belated

    def _judge(self) -> None:
        stage = self.stage
        self.wrong += judge_values(stage, dated=not self._blurred())
        self.wrong += judge_beside(stage)
        self.wrong += judge_counts(stage)
        self.wrong += judge_names(stage, self.fault, self.cell.state)
        self.wrong += judge_refusals(stage)
        if stage.line.begun is None and self.cell.state is not State.S9:
            self.wrong.append("the state was never met")
        if self.most_held > MOST_HELD:
            self.wrong.append(f"{self.most_held} octets were held")
        status = last(stage)
        if status is not None and status.state is not MeterState.READING:
            self.wrong.append(f"the last status is {status.state.value}: {status.error}")
