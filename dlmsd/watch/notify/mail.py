"""Notices by e-mail: one message over one connection (SMTP, RFC 5321)."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime
from io import BytesIO
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory
from twisted.mail.smtp import (
    SUCCESS,
    CramMD5ClientAuthenticator,
    ESMTPClient,
    LOGINAuthenticator,
    PLAINAuthenticator,
    SMTPClientError,
)
from twisted.python.failure import Failure

from dlmsd.config.notice import NoticeOptions
from dlmsd.tls import client_contexts
from dlmsd.watch.notify.batch import local
from dlmsd.watch.notify.message import Message
from dlmsd.watch.notify.trouble import RefusedNoticeError, UnreachedError, quoted

_PORTS: Final = {"starttls": 587, "implicit": 465, "none": 25}


def written(receiver: NoticeOptions, message: Message) -> bytes:
    """The message with its headers, lines ended by LF; nothing in it can begin a header."""
    assert receiver.sender is not None
    domain = receiver.sender.rpartition("@")[2]
    mail = EmailMessage()
    mail["From"] = receiver.sender
    mail["To"] = ", ".join(receiver.recipients)
    mail["Subject"] = f"[dlmsd] {message.title}"
    mail["Date"] = format_datetime(local(receiver, message.document["ts"]))
    # The same whenever it is sent again, so that whoever has it already can tell.
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    if message.thread is not None:
        mail["References"] = f"<{message.thread}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text, charset="utf-8", cte="base64")
    return mail.as_bytes()


class Mail:
    """Sends to one receiver; ``reactor`` has network and timers.

    Raises ConfigurationError for a ``ca_file`` that cannot be used.
    """

    def __init__(self, receiver: NoticeOptions, reactor: Any) -> None:
        self._receiver = receiver
        assert receiver.host is not None
        port = receiver.port or _PORTS[receiver.tls]
        self._contexts: Any = None
        if receiver.tls != "none":
            where = f"notices.{receiver.name}"
            self._contexts = client_contexts(receiver.host, where=where, ca_file=receiver.ca_file)
        self._endpoint: Any = HostnameEndpoint(
            reactor, receiver.host, port, timeout=receiver.timeout
        )
        if receiver.tls == "implicit":
            self._endpoint = wrapClientTLS(self._contexts, self._endpoint)
        self._last: _Conversation | None = None

    async def send(self, message: Message) -> str:
        """What the server answered; raises NoticeError, or what broke the connection."""
        self.close()
        octets = written(self._receiver, message)
        self._last = conversation = _Conversation(self._receiver, octets, self._contexts)
        try:
            await self._endpoint.connect(Factory.forProtocol(lambda: conversation))
            return await conversation.result
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """A server that does not answer our goodbye is left."""
        last, self._last = self._last, None
        if last is not None:
            last.leave()


class _Conversation(ESMTPClient):
    """``result`` fires with the server's answer."""

    # What it logs holds the password.
    debug = False
    requireAuthentication = False

    def __init__(self, receiver: NoticeOptions, octets: bytes, contexts: Any) -> None:
        assert receiver.sender is not None
        domain = receiver.sender.rpartition("@")[2].encode()
        secret = None if receiver.password is None else receiver.password.reveal()
        super().__init__(secret, None if receiver.tls == "implicit" else contexts, domain)
        self.requireTransportSecurity = receiver.tls != "none"
        self.requireAuthentication = secret is not None
        if secret is not None:
            username = (receiver.username or "").encode()
            for kind in (CramMD5ClientAuthenticator, LOGINAuthenticator, PLAINAuthenticator):
                self.registerAuthenticator(kind(username))
        self.result: Deferred[str] = Deferred(lambda _: self.leave())
        self._receiver = receiver
        self._octets = octets

    def leave(self) -> None:
        """Without a word."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def getMailFrom(self) -> str | None:
        return self._receiver.sender

    def getMailTo(self) -> list[bytes]:
        return [one.encode() for one in self._receiver.recipients]

    def getMailData(self) -> BytesIO:
        return BytesIO(self._octets)

    def sentMail(self, code: int, resp: Any, numOk: int, addresses: Any, log: Any) -> None:
        refused = [
            f"{quoted(address, self._receiver)}: {status} {quoted(said, self._receiver)}"
            for address, status, said in addresses
            if status not in SUCCESS
        ]
        if code in SUCCESS and numOk:
            answer = "; ".join([f"{code} {quoted(resp, self._receiver)}", *refused])
            self._end(answer)
        else:
            said = "; ".join(refused) or f"{code} {quoted(resp, self._receiver)}"
            self._end(Failure(RefusedNoticeError(said)))

    def smtpState_msgSent(self, code: int, resp: Any) -> None:
        """Unlike the one of Twisted, it says goodbye at once."""
        self.sentMail(code, resp, len(self.successAddresses), self.toAddressesResult, self.log)
        self.sendLine(b"QUIT")
        assert self.transport is not None
        self.transport.loseConnection()

    def sendError(self, exc: Any) -> None:
        # Its text holds all that was sent; of that only the server's words are for others.
        if isinstance(exc, SMTPClientError):
            code = f"{exc.code} " if exc.code > 0 else ""
            error: Exception = RefusedNoticeError(f"{code}{quoted(exc.resp, self._receiver)}")
        else:
            error = UnreachedError("the connection broke")
        self._end(Failure(error))
        self.leave()

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self._end(reason)

    def _end(self, result: Any) -> None:
        if not self.result.called:
            self.result.callback(result)
