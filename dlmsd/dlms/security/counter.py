"""Invocation counters: a number under a key is used once, and believed once.

A repeated number under AES-GCM gives the plaintext and then the key's authentication
away, so ours are reserved on disk in blocks before use: after a crash the rest of a block
is lost, never used twice. The meter's are remembered so that recordings prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import field, frozen
from cryptography.hazmat.primitives import hashes

from dlmsd.dlms.security.errors import CounterError, CounterExhaustedError, CounterJumpError
from dlmsd.errors import LocalError
from dlmsd.secret import Secret

# Never sent: a meter that has seen it can accept nothing any more.
COUNTER_END: Final = 0xFFFFFFFF
# Half of all numbers: time to plan a new key.
COUNTER_ALARM: Final = 1 << 31


@frozen
class CounterName:
    """Whose counter it is, and under which key: the sender's system title, :func:`key_id`."""

    title: bytes
    key: str


def key_id(key: Secret) -> str:
    """Sixteen hex digits that tell keys apart and do not give them away."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.reveal())
    return digest.finalize()[:8].hex()


class ReceivedCounters:
    """The highest counter accepted of each sender and key.

    ``last`` is what was kept from earlier; ``keep`` is told each new one, to keep it
    beyond a restart (it may gather several: what is lost can at worst be replayed).
    """

    def __init__(
        self,
        last: Mapping[CounterName, int] | None = None,
        keep: Callable[[CounterName, int], None] | None = None,
    ) -> None:
        self._last = dict(last or {})
        self._keep = keep

    def last(self, name: CounterName) -> int:
        """The highest one accepted, -1 for none."""
        return self._last.get(name, -1)

    def check(self, name: CounterName, counter: int) -> None:
        """CounterError unless ``counter`` is above the last; nothing is remembered."""
        last = self._last.get(name, -1)
        if counter <= last:
            raise CounterError(f"{counter} of {name.title.hex().upper()} after {last}")

    def accept(self, name: CounterName, counter: int) -> None:
        """Remember ``counter``, which has just been proved; CounterError if too low."""
        self.check(name, counter)
        self._last[name] = counter
        if self._keep is not None:
            self._keep(name, counter)


@frozen
class CounterBlock:
    """Numbers reserved durably: ``first`` and those below ``end``."""

    first: int = field()
    end: int

    @first.validator
    def _in_order(self, _: object, first: int) -> None:
        # COUNTER_END itself stays out: end excludes it.
        if not 0 <= first < self.end <= COUNTER_END:
            raise LocalError(f"a block of counters from {first} to below {self.end}")


class TransmitCounter:
    """Draws numbers from blocks that are on disk already; never goes back.

    Reserving takes time, drawing must not: so whoever owns the counter watches
    :attr:`remaining` and gives the next block before this one is empty. It is called as
    ``drawn`` behind each number: one answer in blocks may want many thousands.
    """

    def __init__(self, block: CounterBlock, drawn: Callable[[], None] | None = None) -> None:
        self._drawn = drawn
        self._next = block.first
        self._end = block.end
        self._following: CounterBlock | None = None

    @property
    def next(self) -> int:
        """The number that :meth:`draw` would give, were there one."""
        return self._next

    @property
    def remaining(self) -> int:
        """How many numbers can still be drawn."""
        following = self._following
        return self._end - self._next + (following.end - following.first if following else 0)

    @property
    def alarming(self) -> bool:
        """Whether half of all numbers are used."""
        return self._next >= COUNTER_ALARM

    def draw(self) -> int:
        """A number that nobody has used; LocalError if the blocks are used up.

        CounterExhaustedError when no number is left under this key.
        """
        if self._next >= self._end:
            self._turn()
        counter = self._next
        self._next += 1
        if self._drawn is not None:
            self._drawn()
        return counter

    def _turn(self) -> None:
        if self._next >= COUNTER_END:
            raise CounterExhaustedError(f"{COUNTER_END - 1} was the last number")
        if self._following is None:
            raise LocalError(f"no invocation counter is reserved from {self._next}")
        self._next, self._end = self._following.first, self._following.end
        self._following = None

    def extend(self, block: CounterBlock) -> None:
        """Go on with ``block`` when the present one is empty."""
        if self._following is not None or block.first < self._end:
            raise LocalError(f"a block from {block.first} while one to {self._end} is in use")
        self._following = block

    def jump(self, block: CounterBlock) -> None:
        """Go on with ``block`` at once: the meter expects higher numbers."""
        if block.first < self._end:
            raise LocalError(f"a block from {block.first} after one to {self._end}")
        self._next, self._end = block.first, block.end
        self._following = None


def above_meters(told: int) -> int:
    """Where to reserve from when the meter tells the counter it saw last.

    Such a message has no tag: anybody can send it, but only upwards, and not into the
    half that raises the alarm; CounterJumpError then. A lower one is the caller's to
    ignore: counters never go down.
    """
    if not 0 <= told < COUNTER_ALARM - 1:
        raise CounterJumpError(f"{told}")
    return told + 1
