"""How a meter is won back: what follows from what happened.

An unanswered request is repeated once by the link itself. What still fails comes here::

    rung         an exchange failed      connection lost   no good read   good read   more
    ----------   ---------------------   ---------------   ------------   ---------   ------------
    connecting   Reconnect               -                 Reconnect      linked      opened: linked
                                                                                      kept: Wait
    linked       Relink: relinking       connecting        Reconnect:     -
                                                           connecting
    relinking    a few times: -          connecting        Reconnect:     linked
                 then Reconnect:                           connecting
                 connecting
    probing      Rest: paused            Rest: paused      Rest: paused   linked
    paused       -                       -                 -              -           elapsed:
                                                                                      probing
    barred       -                       -                 -              -           elapsed:
                                                                                      connecting

    more than so many associations lost, seen when connecting begins: Rest, paused
    refused, on every rung: Rest, barred

It never gives up: each rest ends, and the delays between connections have a longest.
The ladder keeps no time; it is told the reactor's with each event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from attrs import define, field, frozen
from automat import TypeMachineBuilder, pep614

from dlmsd.config.recovery import RecoveryOptions
from dlmsd.errors import DlmsdError, UnsteadyError
from dlmsd.meter.refusals import Memory
from dlmsd.standing import Rung, Standing

HOUR: Final = 3600.0


@frozen
class Stay:
    """Nothing; the next cycle tries again."""


@frozen
class Idle:
    """Nothing: the meter ended what was idle, and is not needed before the next cycle."""


@frozen
class Relink:
    """Open the link again on this connection, now."""


@frozen
class Reconnect:
    """Give this connection up, unless neighbours need it; then tell ``kept``."""


@frozen
class Wait:
    """Leave the connection to the neighbours until then."""

    until: float
    error: DlmsdError


@frozen
class Rest:
    """Let the meter alone until then; it needs no connection either."""

    until: float
    error: DlmsdError


Action: TypeAlias = Stay | Idle | Relink | Reconnect | Wait | Rest

STAY: Final = Stay()
IDLE: Final = Idle()
RELINK: Final = Relink()
RECONNECT: Final = Reconnect()


class _Ladder(Protocol):
    def opened(self) -> None:
        """The association stands."""

    def read(self) -> None:
        """A cycle gave values."""

    def failed(self) -> Action:
        """An exchange or the opening failed; the connection stands."""

    def exhausted(self) -> Action:
        """The same, and that was enough for this connection."""

    def lost(self) -> Action:
        """The connection ended, or could not be made."""

    def silent(self) -> Action:
        """There was no good read for too long."""

    def kept(self) -> Action:
        """Neighbours need the connection that was to be given up."""

    def refused(self) -> Action:
        """The meter refused our credentials."""

    def tripped(self) -> Action:
        """Too many associations were lost."""

    def elapsed(self) -> None:
        """The rest is over."""


@define(eq=False)
class _Core:
    options: RecoveryOptions
    interval: float
    memory: Memory
    now: float = 0.0
    error: DlmsdError = field(factory=DlmsdError)
    idle: bool = False
    rung: Rung = Rung.CONNECTING
    errors: int = 0
    cycles: int = 0
    losses: deque[float] = field(factory=deque)
    held: Rest | Wait | None = None
    wait: float = 0.0

    @property
    def until(self) -> float:
        """When the rest is over; 0 without one."""
        return self.held.until if self.held is not None else 0.0

    def lose(self) -> None:
        """An association went with its connection, or cannot be had on it any more."""
        self.rung = Rung.CONNECTING
        if not self.idle:
            self.losses.append(self.now)

    def rest(self, seconds: float, error: DlmsdError) -> Rest:
        self.held = Rest(self.now + seconds, error)
        return self.held


def _machine() -> Callable[[_Core], _Ladder]:
    machine = TypeMachineBuilder(_Ladder, _Core)
    connecting = machine.state("connecting")
    linked = machine.state("linked")
    relinking = machine.state("relinking")
    probing = machine.state("probing")
    paused = machine.state("paused")
    barred = machine.state("barred")

    for state in (linked, relinking, probing, paused, barred):
        state.upon(_Ladder.opened).loop().returns(None)
        state.upon(_Ladder.kept).loop().returns(STAY)
    for state in (connecting, linked, relinking, probing):
        state.upon(_Ladder.elapsed).loop().returns(None)
    for state in (paused, barred):
        state.upon(_Ladder.read).loop().returns(None)
        state.upon(_Ladder.failed).loop().returns(STAY)
        state.upon(_Ladder.exhausted).loop().returns(STAY)
        state.upon(_Ladder.lost).loop().returns(STAY)
        state.upon(_Ladder.silent).loop().returns(STAY)
    connecting.upon(_Ladder.lost).loop().returns(STAY)
    connecting.upon(_Ladder.failed).loop().returns(RECONNECT)
    connecting.upon(_Ladder.exhausted).loop().returns(RECONNECT)
    connecting.upon(_Ladder.silent).loop().returns(RECONNECT)

    @pep614(linked.upon(_Ladder.read).loop())
    @pep614(relinking.upon(_Ladder.read).to(linked))
    @pep614(connecting.upon(_Ladder.read).to(linked))
    def well(ladder: _Ladder, core: _Core) -> None:
        core.rung = Rung.LINKED
        core.errors = core.cycles = 0
        core.wait = 0.0

    @pep614(probing.upon(_Ladder.read).to(linked))
    def closed(ladder: _Ladder, core: _Core) -> None:
        core.losses.clear()
        well(ladder, core)

    @pep614(connecting.upon(_Ladder.opened).to(linked))
    def linked_again(ladder: _Ladder, core: _Core) -> None:
        core.rung = Rung.LINKED
        core.cycles = 0

    @pep614(linked.upon(_Ladder.failed).to(relinking))
    @pep614(linked.upon(_Ladder.exhausted).to(relinking))
    def relink(ladder: _Ladder, core: _Core) -> Action:
        core.rung = Rung.RELINKING
        return RELINK

    @pep614(relinking.upon(_Ladder.failed).loop())
    def not_yet(ladder: _Ladder, core: _Core) -> Action:
        core.cycles += 1
        return STAY

    @pep614(relinking.upon(_Ladder.exhausted).to(connecting))
    @pep614(linked.upon(_Ladder.silent).to(connecting))
    @pep614(relinking.upon(_Ladder.silent).to(connecting))
    def give_up(ladder: _Ladder, core: _Core) -> Action:
        core.lose()
        return RECONNECT

    @pep614(linked.upon(_Ladder.lost).to(connecting))
    @pep614(relinking.upon(_Ladder.lost).to(connecting))
    def lose(ladder: _Ladder, core: _Core) -> Action:
        core.lose()
        return IDLE if core.idle else STAY

    @pep614(connecting.upon(_Ladder.kept).loop())
    def wait(ladder: _Ladder, core: _Core) -> Action:
        core.wait = min(max(core.interval, core.wait * 2), core.options.max_delay)
        core.held = Wait(core.now + core.wait, core.error)
        return core.held

    @pep614(connecting.upon(_Ladder.tripped).to(paused))
    @pep614(probing.upon(_Ladder.failed).to(paused))
    @pep614(probing.upon(_Ladder.exhausted).to(paused))
    @pep614(probing.upon(_Ladder.lost).to(paused))
    @pep614(probing.upon(_Ladder.silent).to(paused))
    def pause(ladder: _Ladder, core: _Core) -> Action:
        core.rung = Rung.PAUSED
        return core.rest(core.options.pause, UnsteadyError(len(core.losses), core.error))

    @pep614(paused.upon(_Ladder.elapsed).to(probing))
    def probe(ladder: _Ladder, core: _Core) -> None:
        core.rung = Rung.PROBING

    @pep614(linked.upon(_Ladder.refused).to(barred))
    @pep614(relinking.upon(_Ladder.refused).to(barred))
    @pep614(connecting.upon(_Ladder.refused).to(barred))
    @pep614(probing.upon(_Ladder.refused).to(barred))
    @pep614(paused.upon(_Ladder.refused).to(barred))
    @pep614(barred.upon(_Ladder.refused).loop())
    def bar(ladder: _Ladder, core: _Core) -> Action:
        core.rung = Rung.BARRED
        return core.rest(core.memory.until - core.now, core.error)

    @pep614(barred.upon(_Ladder.elapsed).to(connecting))
    def unbar(ladder: _Ladder, core: _Core) -> None:
        core.rung = Rung.CONNECTING

    return machine.build()


_ladder = _machine()


# Meters end what is idle; then no association is lost that anybody needed.
QUIET_SECONDS: Final = 30.0


class Recovery:
    """One meter's ladder. ``memory`` is what the meter has refused, also before this.

    ``tell`` hears of each new standing. Times are seconds of the reactor's clock.
    """

    def __init__(
        self,
        options: RecoveryOptions,
        interval: float,
        memory: Memory,
        tell: Callable[[Standing], None],
        now: float,
    ) -> None:
        self._options = options
        self._core = _Core(options, interval, memory, now)
        self._ladder = _ladder(self._core)
        self._tell = tell
        self._told = Standing()
        if memory.error is not None and memory.until > now:
            self._after(self._ladder.refused, memory.error, now)

    def due(self, now: float) -> Rest | Wait | None:
        """A cycle's time has come; what holds it back, if anything."""
        core = self._core
        held = core.held if now < core.until else None
        if held is None and core.held is not None:
            self._elapse()
        self._publish(now)
        return held

    def connected(self, now: float) -> None:
        """There is a new connection: whoever waited for his neighbours need not any more."""
        if self._core.rung is Rung.CONNECTING:
            self._core.held = None
            self._publish(now)

    def opened(self, now: float) -> None:
        """The association stands."""
        self._ladder.opened()
        self._publish(now)

    def read(self, now: float) -> None:
        """A cycle gave values."""
        self._ladder.read()
        self._publish(now)

    def failed(self, error: DlmsdError, now: float) -> Action:
        """An exchange, or the opening, failed; the connection stands."""
        core, options = self._core, self._options
        core.errors += 1
        cycles = 0 < options.failed_cycles <= core.cycles + 1
        errors = 0 < options.errors <= core.errors
        fails = self._ladder.exhausted if cycles or errors else self._ladder.failed
        return self._after(fails, error, now)

    def lost(self, error: DlmsdError, now: float, quiet: float) -> Action:
        """The connection ended, or could not be made.

        ``quiet`` is for how long nothing was asked. An error that has been told as a failure
        counts once.
        """
        core = self._core
        core.errors += error is not core.error
        core.idle = core.rung is Rung.LINKED and quiet > QUIET_SECONDS
        if core.rung is Rung.PAUSED and now >= core.until:
            self._elapse()
        return self._after(self._ladder.lost, error, now)

    def silent(self, error: DlmsdError, now: float) -> Action:
        """For too long there was no good read, whatever the reason."""
        return self._after(self._ladder.silent, error, now)

    def kept(self, now: float) -> Action:
        """Neighbours need the connection that was to be given up."""
        return self._after(self._ladder.kept, self._core.error, now)

    def refused(self, error: DlmsdError, now: float) -> Action:
        """The meter refused our credentials."""
        self._core.errors += 1
        options = self._options
        self._core.memory.refused(error, now, options.refused_pause, options.refusals)
        return self._after(self._ladder.refused, error, now)

    def _after(self, happened: Callable[[], Action], error: DlmsdError, now: float) -> Action:
        core = self._core
        core.now, core.error = now, error
        before = len(core.losses)
        action = happened()
        core.idle = False
        more = len(core.losses) > before
        self._forget(now)
        if more and 0 < self._options.losses < len(core.losses):
            action = self._ladder.tripped()
        self._publish(now)
        return action

    def _elapse(self) -> None:
        self._core.held = None
        self._ladder.elapsed()

    def _forget(self, now: float) -> None:
        losses = self._core.losses
        while losses and losses[0] <= now - HOUR:
            losses.popleft()

    def _publish(self, now: float) -> None:
        core = self._core
        self._forget(now)
        until = core.until if core.until > now else None
        told = Standing(core.rung, core.errors, len(core.losses), until)
        if told != self._told:
            self._told = told
            self._tell(told)
