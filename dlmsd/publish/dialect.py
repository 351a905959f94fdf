"""How one kind of broker wants things said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from dlmsd.meter.identity import Identity
from dlmsd.model import MeterStatus
from dlmsd.publish.evictions import Evictions
from dlmsd.publish.message import Message
from dlmsd.publish.pack import Room
from dlmsd.publish.source import Delivery
from dlmsd.publish.troubles import Trouble

Say: TypeAlias = Callable[[str, Message], None]
"""Publishes a message about a subject, soon; of a subject only the newest waits."""


class Dialect(Protocol):
    """What is said and heard over one connection.

    ``held`` are meters whose deliveries stay in the outbox until an operator decides, and why.
    """

    @property
    def held(self) -> dict[str, Trouble]: ...

    @property
    def evictions(self) -> Evictions | None:
        """Meters that the server put out, which wait for a while; None where it does no such."""

    @property
    def dated(self) -> bool:
        """Whether readings find their place by ``ts``, in whatever order they arrive."""

    def subscriptions(self) -> Sequence[str]:
        """The topic filters of every new connection."""

    def told(self, message: Message, say: Say) -> bool:
        """The broker sent ``message``; answers go to ``say``, now or later.

        The result tells whether it meant anything.
        """

    def learn(self, status: MeterStatus | Identity, say: Say) -> None:
        """A meter's newest status, or who it is; whether there is a connection or not."""

    def greeting(self) -> Iterable[tuple[str, Message]]:
        """What every new connection begins with; forgets all that was said before."""

    def state(self, meter: str, online: bool) -> Message | None:
        """That a meter can be read, or no longer."""

    def back(self, meter: str, say: Say) -> None:
        """This meter's pause after an eviction is over."""

    def introduction(self, meter: str) -> Message | None:
        """What must precede this meter's next delivery."""

    def pack(self, queue: deque[Delivery], room: Room) -> tuple[Message, Sequence[Delivery]]:
        """Takes one message's deliveries off the queue, each meter's in order; it and they."""

    def farewell(self) -> Iterable[tuple[str, Message]]:
        """What a connection that is closed on purpose ends with."""

    def explain(self, error: Trouble) -> Trouble:
        """The same trouble, with what this kind of broker means by it."""
