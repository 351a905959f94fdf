"""What a CONNECT says of us: for a sink, or for one meter at it."""

from __future__ import annotations

from dlmsd.config.credentials import DeviceCredentials
from dlmsd.config.values import SinkOptions
from dlmsd.publish.codec import Login
from dlmsd.publish.message import Message
from dlmsd.secret import Secret


def login_for(
    options: SinkOptions, instance_id: str, token: Secret | None, *, will: Message | None = None
) -> Login:
    """A token is a username without password (ThingsBoard); else the sink's own two."""
    given = DeviceCredentials(token, options.username)
    username, password = token, None
    if token is None and options.username is not None:
        username, password = Secret(options.username), options.password
    who = given.who if given else "a client without credentials"
    client_id = _client_id(options, instance_id)
    return Login(client_id, username, password, options.keepalive, will, who, options.name)


def device_login(
    options: SinkOptions, instance_id: str, meter: str, credentials: DeviceCredentials
) -> Login:
    """One meter's own; its certificate is TLS's to show."""
    client_id = credentials.client_id
    if client_id is None:
        client_id = f"{_client_id(options, instance_id)}-{meter}"
    username = credentials.token
    if credentials.username is not None:
        username = Secret(credentials.username)
    password, who = credentials.password, credentials.who
    return Login(client_id, username, password, options.keepalive, None, who, options.name)


def _client_id(options: SinkOptions, instance_id: str) -> str:
    return options.client_id or f"dlmsd-{instance_id}-{options.name}"
