"""Whether a broker takes credentials: by the connection that has them, else by one that is
closed as soon as that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, Literal

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as OverdueError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from dlmsd.publish import troubles
from dlmsd.publish.codec import Login
from dlmsd.publish.connection import Connect, Connection
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import Acknowledgement, MqttProtocol
from dlmsd.publish.version import VersionChoice

TIMEOUT: Final = 10.0


async def log_in(
    connect: Connect,
    login: Login,
    clock: IReactorTime,
    protocol: Literal["auto", 5, 311] = "auto",
) -> float:
    """Seconds until the broker had accepted; raises Trouble, in the words of a sink."""
    versions = VersionChoice(protocol)
    began = clock.seconds()
    while True:
        version = versions.next
        trial = _Trial()
        session = MqttProtocol(login, version, 1, clock, trial)
        try:
            factory = Factory.forProtocol(partial(_the, session))
            factory.noisy = False
            await connect(factory)
        except Exception as error:  # noqa: BLE001 - told in the words of a broker's troubles
            raise troubles.broken(Failure(error)) from None
        try:
            await trial.accepted_at.addTimeout(TIMEOUT, clock)
            return clock.seconds() - began
        except OverdueError:
            raise troubles.SilentTrouble(f"no answer within {TIMEOUT:.0f} s") from None
        except troubles.VersionTrouble:
            versions.refused(version)
            if versions.next == version:
                raise
        except troubles.ClosedTrouble:
            # Some brokers close upon a version that they do not speak.
            versions.closed(version)
            if versions.next == version:
                raise
        finally:
            session.disconnect()
            await trial.ended


async def proven(connection: Connection, clock: IReactorTime) -> float:
    """Since when the broker accepts this connection, by the clock; raises Trouble."""
    try:
        return await connection.prove().addTimeout(TIMEOUT, clock)
    except OverdueError:
        raise troubles.SilentTrouble(f"no answer within {TIMEOUT:.0f} s") from None


def _the(session: MqttProtocol) -> MqttProtocol:
    return session


class _Trial:
    """The owner of a connection that only wants to know."""

    def __init__(self) -> None:
        self.accepted_at: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def accepted(self, session: MqttProtocol) -> None:
        if not self.accepted_at.called:
            self.accepted_at.callback(None)

    def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Nothing was published."""

    def told(self, message: Message) -> bool:
        return False

    def lost(self, session: MqttProtocol, error: troubles.Trouble) -> None:
        if not self.accepted_at.called:
            self.accepted_at.errback(error)
        self.ended.callback(None)
