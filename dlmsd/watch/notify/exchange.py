"""One message handed over to one receiver, or the reason why not."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from dlmsd.config.notice import NoticeOptions
from dlmsd.errors import DlmsdError
from dlmsd.watch.notify.message import Message
from dlmsd.watch.notify.trouble import broken
from dlmsd.watch.notify.webhook import Webhook


class Sender(Protocol):
    """Sends to one receiver."""

    async def send(self, message: Message) -> str:
        """What it answered."""

    def close(self) -> None:
        """Whatever is still open."""


def sender(receiver: NoticeOptions, reactor: Any) -> Sender:
    """The one of its kind. Raises ConfigurationError for a file that cannot be used."""
    if receiver.kind == "webhook":
        return Webhook(receiver, reactor)
    # twisted.mail installs a reactor when it is imported, before the demo has chosen its own.
    from dlmsd.watch.notify.mail import Mail

    return Mail(receiver, reactor)


async def exchange(way: Sender, message: Message, seconds: float, clock: IReactorTime) -> str:
    """What the receiver answered within ``seconds``; raises NoticeError."""
    sending = Deferred.fromCoroutine(way.send(message))
    try:
        return await sending.addTimeout(seconds, clock)
    except DlmsdError:
        raise
    except Exception as error:  # noqa: BLE001 - a network has many ways to break an exchange
        raise broken(error, seconds) from None
