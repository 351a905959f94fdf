"""The running daemon in a command's hands: its REST, with the first token."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

import click
import msgspec

from dlmsd.cli.language import explained, hear
from dlmsd.config.listen import Listen
from dlmsd.config.values import Configuration
from dlmsd.errors import DlmsdError
from dlmsd.identity import token_file
from dlmsd.web.api.bodies import key_of
from dlmsd.withheld import refuse_withheld

# A daemon that takes a hundred meters at once judges each against all others.
_PATIENCE: Final = 120.0
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode


class NotRunningError(DlmsdError):
    """Meters beside the file are the running daemon's to add and remove; start it, or see that
    this is its configuration, and give the command again."""

    culprit = "operator"


class NoTokenError(DlmsdError):
    """Run the command as a user who may read the daemon's state folder, such as with sudo."""

    culprit = "operator"


class DaemonRefusedError(DlmsdError):
    """The running daemon refused it; correct what is named above, and give the command again."""

    culprit = "operator"

    def __init__(self, detail: str, fields: Sequence[tuple[str, str]]) -> None:
        super().__init__(detail)
        self.fields = fields


class Daemon:
    """Calls one after the other over one connection; ``with`` closes it."""

    def __init__(self, configuration: Configuration) -> None:
        self._where = configuration.web.listen
        self._connection = _connection(Listen.parse(self._where))
        self._headers = {"Content-Type": "application/json"}
        try:
            token = first_token(configuration)
        except FileNotFoundError:
            raise NotRunningError(f"no daemon has run with {configuration.path} yet") from None
        except OSError as error:
            path = token_file(configuration.daemon.state_dir)
            raise NoTokenError(f"{path}: {error.strerror}") from None
        self._headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that is answered, None for nothing.

        Raises NotRunningError, and DaemonRefusedError with the fields that it names.
        """
        content = None if body is None else _ENCODE(body)
        try:
            self._connection.request(method, path, content, self._headers)
            answer = self._connection.getresponse()
            heard = answer.read()
        except ssl.SSLError as error:
            raise NotRunningError(f"{self._where}: {error.reason or 'TLS failed'}") from None
        except (OSError, HTTPException) as error:
            reason = (error.strerror if isinstance(error, OSError) else "") or "no answer"
            raise NotRunningError(f"{self._where}: {reason}") from None
        try:
            found = json.loads(heard, parse_float=Decimal) if heard else None
        except ValueError:
            raise NotRunningError(f"{self._where}: no dlmsd answers there") from None
        if answer.status >= 300:
            raise _refusal(found)
        return found


def told(work: Callable[[], int]) -> int:
    """What ``work`` returns; an error as its sentences, each field at fault by its key."""
    try:
        return work()
    except DlmsdError as error:
        fields = error.fields if isinstance(error, DaemonRefusedError) else ()
        for name, message in fields:
            click.echo(hear(f"{key_of(name)}: {message}" if name else message), err=True)
        click.echo(explained(error), err=True)
        return error.exit_code


def first_token(configuration: Configuration) -> str:
    """The first token of page and REST, an admin's. Raises OSError where there is none, and
    WithheldError."""
    refuse_withheld(configuration.web)
    if configuration.web.token is not None:
        return configuration.web.token.reveal().decode()
    return token_file(configuration.daemon.state_dir).read_text().strip()


def _refusal(document: object) -> DaemonRefusedError:
    said = document if isinstance(document, Mapping) else {}
    fields = [(str(one["field"]), str(one["message"])) for one in said.get("errors") or ()]
    return DaemonRefusedError(str(said.get("detail") or ""), fields)


def _connection(listen: Listen) -> HTTPConnection:
    if listen.kind == "unix":
        return _UnixConnection(listen.arguments["address"])
    address = urlsplit(listen.url)
    host, port = address.hostname or "", address.port
    if listen.kind == "tcp":
        return HTTPConnection(host, port, timeout=_PATIENCE)
    return HTTPSConnection(host, port, timeout=_PATIENCE, context=_context(listen))


def _context(listen: Listen) -> ssl.SSLContext:
    """Trusts the daemon's own certificate and no other; whom it is made out to says nothing of
    this machine."""
    file = listen.arguments.get("certKey") or listen.arguments.get("privateKey", "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(file)
    except OSError as error:
        raise NoTokenError(f"{file}: {error.strerror}") from None
    return context


class _UnixConnection(HTTPConnection):
    """Over a socket of the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)
