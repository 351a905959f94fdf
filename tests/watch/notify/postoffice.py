"""A mail server on this machine, with TLS and what can go wrong."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.mail.imap4 import LOGINCredentials, PLAINCredentials
from twisted.mail.smtp import (
    ESMTP,
    IMessage,
    IMessageDelivery,
    SMTPBadRcpt,
    SMTPServerError,
    User,
)
from zope.interface import implementer


@implementer(IMessageDelivery, IRealm)
class PostOffice:
    """Knows operator@example.com with his password; ``mails`` are what it took, as they came.

    ``login`` asks for one. ``full`` refuses after the text, ``mute`` nothing.
    """

    def __init__(self, folder: Path | None, *, implicit: bool = False, login: bool = False) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        self.logins: list[bytes] = []
        self.full = self.mute = False
        context: Any = None
        if folder is not None:
            pem = (folder / "server.pem").read_bytes() + (folder / "server.key").read_bytes()
            context = ssl.PrivateCertificate.loadPEM(pem).options()
        self._starttls = None if implicit else context
        self._login = login
        factory = Factory.forProtocol(self._protocol)
        listen: Any = reactor
        place = {"interface": "127.0.0.1"}
        if implicit:
            self._port = listen.listenSSL(0, factory, context, **place)
        else:
            self._port = listen.listenTCP(0, factory, **place)
        self.port: int = self._port.getHost().port
        self.open: list[Protocol] = []

    async def stop(self) -> None:
        for one in self.open:
            transport: Any = one.transport
            transport.abortConnection()
        await maybeDeferred(self._port.stopListening)

    def mail(self, number: int = 0) -> EmailMessage:
        found = message_from_bytes(self.mails[number][1], policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def _protocol(self) -> Protocol:
        if self.mute:
            silent = Protocol()
            self.open.append(silent)
            return silent
        kinds = {b"PLAIN": PLAINCredentials, b"LOGIN": LOGINCredentials} if self._login else {}
        protocol = ESMTP(kinds, self._starttls)
        protocol.timeout = None
        if self._login:
            users = InMemoryUsernamePasswordDatabaseDontUse(**{"op": b"canary-mail"})
            protocol.portal = Portal(self, [users])
        else:
            protocol.delivery = self
        self.open.append(protocol)
        return protocol

    def requestAvatar(self, avatar: Any, mind: Any, *interfaces: Any) -> Any:
        self.logins.append(avatar)
        return IMessageDelivery, self, lambda: None

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b"Received: here"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: User) -> Any:
        if str(user.dest).startswith("nobody"):
            raise SMTPBadRcpt(user)
        return lambda: _Text(self, str(user.dest))


@implementer(IMessage)
class _Text:
    def __init__(self, office: PostOffice, recipient: str) -> None:
        self._office = office
        self._recipient = recipient
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self._lines.append(line)

    def eomReceived(self) -> Deferred[Any]:
        if self._office.full:
            return fail(SMTPServerError(552, "too much"))
        self._office.mails.append(([self._recipient], b"\n".join(self._lines)))
        return succeed(None)

    def connectionLost(self) -> None:
        pass
