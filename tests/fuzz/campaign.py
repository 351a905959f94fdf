"""Many inputs for one target, and what is found.

Inputs come in chunks, and a chunk depends on the seed, the target and its number alone:
so any input is made again from its index, however many processes share the work. What one
chunk learns the next does not know.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Final

from attrs import define, field, frozen

from tests.fuzz import limits
from tests.fuzz.corpus import corpus, place
from tests.fuzz.mutator import Mutator
from tests.fuzz.target import Target

CHUNK: Final = 1 << 17
# Long inputs of which the memory is counted: each takes as long as hundreds of others.
_LONG: Final = 4096
_COUNTED_EVERY: Final = 8
# What is not this much above the slowest yet (seconds, and how often as long) is not measured
# again: a switch to another process costs as much.
_QUICK: Final = 0.0005
_NOISE: Final = 1.25
# Ways to an error that one chunk tells apart; and how many of the inputs that are taken it
# learns, as these show less the more of them there are.
_MOST_PLACES: Final = 4096
_LEARNED_EVERY: Final = 16
# An input that decodes so long (seconds) never ends.
_ENDLESS: Final = 20.0
# Enough to understand; more would be the same ones.
_MOST_FINDINGS: Final = 5


class EndlessError(BaseException):
    """An input does not come to its end."""


@frozen
class Finding:
    """One input that a decoder must not treat so."""

    what: str
    index: int
    octets: bytes
    detail: str = ""


@define
class Tally:
    """What became of the inputs; seconds and octets are the worst of one input."""

    inputs: int = 0
    taken: int = 0
    seconds: float = 0.0
    slowest: bytes = b""
    octets: int = 0
    grown: int = 0
    findings: list[Finding] = field(factory=list)

    def add(self, other: Tally) -> None:
        """Count what another process has counted."""
        self.inputs += other.inputs
        self.taken += other.taken
        if other.seconds > self.seconds:
            self.seconds, self.slowest = other.seconds, other.slowest
        self.octets = max(self.octets, other.octets)
        self.grown = max(self.grown, other.grown)
        self.findings += other.findings


class Campaign:
    """``at`` is a place of eight octets that always tells the index under way.

    Unless it is ``measured``, only errors are found, which are the same on every machine.
    """

    def __init__(
        self, target: Target, seed: int, at: memoryview | None = None, *, measured: bool = True
    ) -> None:
        self.tally = Tally()
        self._target = target
        self._seed = seed
        self._measured = measured
        self._seeds = corpus(target)
        self._at = at or memoryview(bytearray(8)).cast("Q")
        self._long = 0
        self._seen_at = -1

    def make(self, index: int) -> bytes:
        """The input of this index; those before it in its chunk are decoded for it."""
        chunk, left = divmod(index, CHUNK)
        mutator = self._mutator(chunk)
        for _ in self._decoded(mutator, chunk * CHUNK, left):
            pass
        return mutator.draw()

    def run(self, chunk: int, count: int = CHUNK) -> None:
        """The first inputs of a chunk; what is found goes to the tally."""
        tally = self.tally
        clock = time.perf_counter
        for index, octets, begin, error in self._decoded(
            self._mutator(chunk), chunk * CHUNK, count
        ):
            spent = clock() - begin
            tally.inputs += 1
            if error is not None:
                self._found(index, octets, error)
            elif not self._measured:
                continue
            elif spent > _QUICK + _NOISE * tally.seconds or len(octets) > _LONG:
                self._examine(index, octets, spent)
            if len(tally.findings) >= _MOST_FINDINGS:
                return

    def watch(self) -> None:
        """Let an input that never ends be found too; for the main thread of a process."""
        # In time of the process: it may wait for a core, or for who reads what it found.
        signal.signal(signal.SIGPROF, self._alarm)
        signal.setitimer(signal.ITIMER_PROF, _ENDLESS, _ENDLESS)

    def _alarm(self, _: int, __: FrameType | None) -> None:
        if self._at[0] == self._seen_at:
            raise EndlessError(f"more than {_ENDLESS} s")
        self._seen_at = self._at[0]

    def _mutator(self, chunk: int) -> Mutator:
        name = f"{self._seed}/{self._target.name}/{chunk}"
        return Mutator(name, self._seeds, self._target.large, self._target.tokens)

    def _decoded(
        self, mutator: Mutator, first: int, count: int
    ) -> Iterator[tuple[int, bytes, float, BaseException | None]]:
        """Index, input, when its decoding began, and what came of it that must not."""
        run, refusals, clock = self._target.run, self._target.refusals, time.perf_counter
        draw, learn, at = mutator.draw, mutator.learn, self._at
        places: set[int] = set()
        taken = 0
        for index in range(first, first + count):
            octets = draw()
            at[0] = index
            wrong: BaseException | None = None
            begin = clock()
            try:
                run(octets)
            except refusals as error:
                where = place(error.__traceback__)
                if where not in places and len(places) < _MOST_PLACES:
                    places.add(where)
                    learn(octets)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is looked for
                wrong = error
            else:
                taken += 1
                if not taken % _LEARNED_EVERY:
                    learn(octets)
            yield index, octets, begin, wrong
        self.tally.taken += taken

    def _found(self, index: int, octets: bytes, error: BaseException) -> None:
        """Out of memory is this input, or else what those before it have kept."""
        if isinstance(error, MemoryError):
            if self._count(index, octets) <= limits.MAX_OCTETS:
                self.tally.findings.append(Finding("kept", index, octets, "no memory is left"))
            return
        what = "endless" if isinstance(error, EndlessError) else "uncaught"
        detail = "".join(traceback.format_exception(error))
        self.tally.findings.append(Finding(what, index, octets, detail))

    def _examine(self, index: int, octets: bytes, spent: float) -> None:
        tally = self.tally
        costly = spent > _QUICK + _NOISE * tally.seconds
        if costly:
            spent = limits.seconds(self._target.run, octets, self._target.seconds)
            if spent > tally.seconds:
                tally.seconds, tally.slowest = spent, octets
            if spent > self._target.seconds:
                self.tally.findings.append(Finding("slow", index, octets, f"{spent * 1000:.1f} ms"))
        self._long += 1
        if costly or not self._long % _COUNTED_EVERY:
            self._count(index, octets)

    def _count(self, index: int, octets: bytes) -> int:
        most = limits.peak(self._target.run, octets)
        self.tally.octets = max(self.tally.octets, most)
        if most > limits.MAX_OCTETS or most < 0:
            self.tally.findings.append(Finding("memory", index, octets, f"{most:,} octets"))
        return most
