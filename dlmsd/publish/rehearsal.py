"""One connection to a broker, to see whether it lets us in; nothing is published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from dlmsd.publish import troubles
from dlmsd.publish.codec import Login
from dlmsd.publish.connection import Connect
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import Acknowledgement, MqttProtocol
from dlmsd.publish.version import Version, VersionChoice

# Version 5, then 3.1.1, then 5 once more where that one was closed.
_ATTEMPTS: Final = 3


async def rehearse(
    connect: Connect, login: Login, protocol: Literal["auto", 5, 311], clock: IReactorTime
) -> Version:
    """The version of MQTT with which the broker accepts ``login``. Raises Trouble."""
    versions = VersionChoice(protocol)
    for left in reversed(range(_ATTEMPTS)):
        version = versions.next
        try:
            await _once(connect, login, version, clock)
        except troubles.VersionTrouble:
            versions.refused(version)
            if not left or versions.next == version:
                raise
        except troubles.ClosedTrouble:
            versions.closed(version)
            if not left or versions.next == version:
                raise
        else:
            return version
    raise AssertionError("an attempt neither failed nor succeeded")


async def _once(connect: Connect, login: Login, version: Version, clock: IReactorTime) -> None:
    visitor = _Visitor()
    session = MqttProtocol(login, version, 1, clock, visitor)
    try:
        await connect(Factory.forProtocol(lambda: session))
    except Exception as error:  # noqa: BLE001 - told in the words of a broker's troubles
        raise troubles.broken(Failure(error)) from None
    try:
        await visitor.answer
    finally:
        session.disconnect()
        await visitor.ended


class _Visitor:
    """Who only wants to know whether the door opens."""

    def __init__(self) -> None:
        self.answer: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def accepted(self, session: MqttProtocol) -> None:
        self.answer.callback(None)

    def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Of nothing that was sent."""

    def told(self, message: Message) -> bool:
        return False

    def lost(self, session: MqttProtocol, error: troubles.Trouble) -> None:
        if not self.answer.called:
            self.answer.errback(error)
        self.ended.callback(None)
