"""A connection to a broker that comes back.

::

    idle --start--> connecting --accepted--> silent --elapsed--> up --lost--> waiting
                        |  failed, lost        |  lost                           ^
                        +----------------------+---------------------------------+
    waiting --elapsed, prove--> connecting
    any --stop--> stopping --failed, lost--> idle            (from waiting: idle at once)

``silent`` takes no time but in a probe (``conduct.py``), which also says when to come back to a
broker where another client has our token.
Back-off grows from 1 s to 60 s and begins anew only after a delivery was acknowledged or
the connection has lasted: a broker that accepts and then drops would else be tried every
second for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, Protocol, TypeAlias

from attrs import define, evolve, field
from automat import TypeMachineBuilder, pep614
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory

from dlmsd.publish import conduct, troubles
from dlmsd.publish.codec import Login
from dlmsd.publish.episodes import Episodes
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import Acknowledgement, MqttProtocol
from dlmsd.publish.version import VersionChoice

Connect: TypeAlias = Callable[[IProtocolFactory], Deferred[IProtocol]]
"""One attempt to reach the broker, such as an endpoint's ``connect``."""

FIRST_DELAY: Final = 1.0
LAST_DELAY: Final = 60.0
# Nobody is asked anything where nothing listens; what waits goes soon after a broker is back.
AWAY_DELAY: Final = 5.0

_CLOSING: Final = "the connection is being closed"


class Carrier(Protocol):
    """Who uses the connection."""

    def up(self, session: MqttProtocol) -> None:
        """The broker accepts messages from now on."""

    def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> bool:
        """PUBACKs came; the result tells whether a delivery arrived by them."""

    def told(self, message: Message) -> bool:
        """The broker sent a message; the result tells whether it meant anything."""

    def down(self, error: troubles.Trouble) -> None:
        """No broker at present; told after every attempt that failed, too."""


class _Life(Protocol):
    def start(self) -> None:
        """Connect, and stay connected."""

    def stop(self) -> Deferred[None]:
        """Disconnect; fires when the transport is closed."""

    def prove(self) -> None:
        """Answer those who wait for a proof, as soon as there is one; connect for it if need be."""

    def accepted(self) -> None:
        """The broker accepted the session."""

    def failed(self, error: troubles.Trouble) -> None:
        """The attempt to reach the broker failed."""

    def lost(self, error: troubles.Trouble) -> None:
        """The transport closed, before or after CONNACK."""

    def elapsed(self) -> None:
        """The back-off has passed, or the silence."""


@define(eq=False)
class _Core:
    connect: Connect
    carrier: Carrier
    clock: IReactorTime
    random: Random
    build: Callable[[], MqttProtocol]
    versions: VersionChoice
    episodes: Episodes
    session: MqttProtocol | None = None
    attempt: Deferred[IProtocol] | None = None
    timer: IDelayedCall | None = None
    delay: float = FIRST_DELAY
    since: float = 0.0
    waiters: list[Deferred[None]] = field(factory=list)
    proofs: list[Deferred[float]] = field(factory=list)

    def proven(self) -> None:
        """The broker has accepted."""
        proofs, self.proofs = self.proofs, []
        for one in proofs:
            one.callback(self.since)

    def disproven(self, error: troubles.Trouble) -> None:
        """The attempt came to nothing."""
        proofs, self.proofs = self.proofs, []
        for one in proofs:
            one.errback(error)

    def undecided(self, error: troubles.Trouble) -> bool:
        """Whether it may have failed for its MQTT version, and the next attempt has another."""
        doubtful = isinstance(error, troubles.VersionTrouble | troubles.ClosedTrouble)
        return doubtful and self.session is not None and self.session.version != self.versions.next

    def pause(self, error: troubles.Trouble) -> float:
        """Seconds until the next attempt."""
        rare = conduct.pause(self.episodes, self.random)
        if rare is not None:
            return rare
        away = isinstance(error, troubles.UnreachableTrouble)
        delay = LAST_DELAY if error.patient else min(self.delay, AWAY_DELAY if away else LAST_DELAY)
        self.delay = min(LAST_DELAY, self.delay * 2)
        return delay * self.random.uniform(0.75, 1.25)


def _machine() -> Callable[[_Core], _Life]:
    machine = TypeMachineBuilder(_Life, _Core)
    idle = machine.state("idle")
    connecting = machine.state("connecting")
    silent = machine.state("silent")
    up = machine.state("up")
    waiting = machine.state("waiting")
    stopping = machine.state("stopping")

    stopping.upon(_Life.accepted).loop().returns(None)

    @pep614(idle.upon(_Life.start).to(connecting))
    @pep614(waiting.upon(_Life.elapsed).to(connecting))
    def attempt(life: _Life, core: _Core) -> None:
        session = core.session = core.build()
        factory = Factory.forProtocol(lambda: session)
        factory.noisy = False
        core.attempt = core.connect(factory)
        core.attempt.addErrback(lambda failure: life.failed(troubles.broken(failure)))

    @pep614(connecting.upon(_Life.accepted).to(silent))
    def accept(life: _Life, core: _Core) -> None:
        core.since = core.clock.seconds()
        silence = conduct.silence(core.episodes)
        core.episodes.accepted()
        core.proven()
        if silence:
            core.timer = core.clock.callLater(silence, life.elapsed)
        else:
            life.elapsed()

    @pep614(silent.upon(_Life.prove).loop())
    @pep614(up.upon(_Life.prove).loop())
    def stand(life: _Life, core: _Core) -> None:
        core.proven()

    connecting.upon(_Life.prove).loop().returns(None)

    @pep614(waiting.upon(_Life.prove).to(connecting))
    def hurry(life: _Life, core: _Core) -> None:
        hush(core)
        attempt(life, core)

    @pep614(idle.upon(_Life.prove).loop())
    @pep614(stopping.upon(_Life.prove).loop())
    def decline(life: _Life, core: _Core) -> None:
        core.disproven(troubles.Trouble(_CLOSING))

    @pep614(silent.upon(_Life.elapsed).to(up))
    def speak(life: _Life, core: _Core) -> None:
        assert core.session is not None
        core.episodes.speaks()
        core.carrier.up(core.session)

    @pep614(silent.upon(_Life.lost).to(waiting))
    def lose_silent(life: _Life, core: _Core, error: troubles.Trouble) -> None:
        hush(core)
        lose(life, core, error)

    def hush(core: _Core) -> None:
        if core.timer is not None and core.timer.active():
            core.timer.cancel()

    @pep614(up.upon(_Life.lost).to(waiting))
    def lose(life: _Life, core: _Core, error: troubles.Trouble) -> None:
        if core.clock.seconds() - core.since >= LAST_DELAY:
            core.delay = FIRST_DELAY
        wait(life, core, error)

    @pep614(connecting.upon(_Life.failed).to(waiting))
    @pep614(connecting.upon(_Life.lost).to(waiting))
    def wait(life: _Life, core: _Core, error: troubles.Trouble) -> None:
        undecided = core.undecided(error)
        session, core.session = core.session, None
        if session is None:
            core.episodes.ended(error)
        else:
            core.episodes.ended(error, pinging=session.pinging, unheard=session.unheard)
        core.timer = core.clock.callLater(core.pause(error), life.elapsed)
        core.carrier.down(error)
        if not undecided:
            core.disproven(error)

    @pep614(idle.upon(_Life.stop).loop())
    def rest(life: _Life, core: _Core) -> Deferred[None]:
        return succeed(None)

    @pep614(waiting.upon(_Life.stop).to(idle))
    def stop_waiting(life: _Life, core: _Core) -> Deferred[None]:
        assert core.timer is not None
        core.timer.cancel()
        core.disproven(troubles.Trouble(_CLOSING))
        return succeed(None)

    @pep614(silent.upon(_Life.stop).to(stopping))
    def stop_silent(life: _Life, core: _Core) -> Deferred[None]:
        hush(core)
        return stop(life, core)

    @pep614(connecting.upon(_Life.stop).to(stopping))
    @pep614(up.upon(_Life.stop).to(stopping))
    def stop(life: _Life, core: _Core) -> Deferred[None]:
        stopped: Deferred[None] = Deferred()
        core.waiters.append(stopped)
        assert core.session is not None and core.attempt is not None
        core.session.disconnect()
        core.attempt.cancel()
        return stopped

    @pep614(stopping.upon(_Life.stop).loop())
    def stop_again(life: _Life, core: _Core) -> Deferred[None]:
        stopped: Deferred[None] = Deferred()
        core.waiters.append(stopped)
        return stopped

    @pep614(stopping.upon(_Life.failed).to(idle))
    @pep614(stopping.upon(_Life.lost).to(idle))
    def stopped(life: _Life, core: _Core, error: troubles.Trouble) -> None:
        core.session = None
        core.carrier.down(error)
        core.disproven(error)
        waiters, core.waiters = core.waiters, []
        for waiter in waiters:
            waiter.callback(None)

    return machine.build()


_life = _machine()


class Connection:
    """One MQTT connection for one carrier, from ``start`` to ``stop``."""

    def __init__(
        self,
        connect: Connect,
        login: Login,
        versions: VersionChoice,
        inflight: int,
        carrier: Carrier,
        clock: IReactorTime,
        random: Random,
        episodes: Episodes,
    ) -> None:
        self._login = login
        self._versions = versions
        self._carrier = carrier
        self._core = _Core(
            connect,
            carrier,
            clock,
            random,
            lambda: MqttProtocol(self._login, versions.next, inflight, clock, self),
            versions,
            episodes,
        )
        self._life = _life(self._core)

    def start(self) -> None:
        """Connect, and connect again whenever the connection ends."""
        self._life.start()

    def stop(self) -> Deferred[None]:
        """DISCONNECT and close; fires within ``CLOSE_TIMEOUT`` whatever the broker does."""
        return self._life.stop()

    def prove(self) -> Deferred[float]:
        """Since when the broker accepts our credentials, in seconds of the clock.

        Without a session it is asked for one now, which is then used; fails with the Trouble of
        that attempt.
        """
        proof: Deferred[float] = Deferred()
        self._core.proofs.append(proof)
        self._life.prove()
        return proof

    def accepted(self, session: MqttProtocol) -> None:
        if self._versions.accepted(session.version):
            self._life.accepted()
        else:
            session.disconnect(
                troubles.VersionTrouble("MQTT 5 was closed, 3.1.1 accepted; trying 5 once more")
            )

    def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        if self._carrier.acknowledged(acknowledgements):
            self._core.delay = FIRST_DELAY

    def told(self, message: Message) -> bool:
        return self._carrier.told(message)

    def lost(self, session: MqttProtocol, error: troubles.Trouble) -> None:
        if not session.answered:
            if isinstance(error, troubles.RetainTrouble):
                self._login = evolve(self._login, will=None)  # it is to be retained
            elif isinstance(error, troubles.VersionTrouble):
                self._versions.refused(session.version)
            elif isinstance(error, troubles.ClosedTrouble):
                self._versions.closed(session.version)
        self._life.lost(error)


def paced(clock: IReactorTime, per_second: float) -> Callable[[Connect], Connect]:
    """Each ``connect`` as it is, but all together begun at most ``per_second`` times a second."""
    free = 0.0

    def gently(connect: Connect) -> Connect:
        def later(factory: IProtocolFactory) -> Deferred[IProtocol]:
            nonlocal free
            now = clock.seconds()
            slot = max(now, free)
            free = slot + 1 / per_second
            if slot == now:
                return connect(factory)
            turn: Deferred[None] = Deferred(lambda _: call.cancel())
            call = clock.callLater(slot - now, turn.callback, None)
            return turn.addCallback(lambda _: connect(factory))

        return later

    return gently
