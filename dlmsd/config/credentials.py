"""As whom a meter's own connection comes to ThingsBoard: access token, MQTT basic or X.509."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

from attrs import frozen

from dlmsd.secret import Secret

CredentialsType: TypeAlias = Literal["ACCESS_TOKEN", "MQTT_BASIC", "X509_CERTIFICATE"]
"""As ThingsBoard's REST names them."""

KEYS: Final = (
    "token",
    "mqtt_username",
    "mqtt_password",
    "mqtt_client_id",
    "mqtt_cert_file",
    "mqtt_key_file",
)
"""The keys of a meter that say it."""

_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL
)


@frozen
class DeviceCredentials:
    """One of three: a ``token``; any of ``client_id`` and ``username``, with ``password``; or
    ``cert_file``, with its key in ``key_file`` or in the same file.
    """

    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    client_id: str | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @property
    def type(self) -> CredentialsType:
        if self.token is not None:
            return "ACCESS_TOKEN"
        return "MQTT_BASIC" if self.cert_file is None else "X509_CERTIFICATE"

    def __bool__(self) -> bool:
        """Whether there is any of them; a password or a key alone is none."""
        return any((self.token, self.username, self.client_id, self.cert_file))

    @property
    def who(self) -> str:
        """Whose they are, without a secret."""
        if self.token is not None:
            return f"the token with fingerprint {self.token.fingerprint()}"
        if self.cert_file is not None:
            return f"the certificate {self.cert_file.name}"
        if self.username is not None:
            return f"user {self.username}"
        return f"the client id {self.client_id}"

    def misfits(self) -> Iterator[tuple[str, str]]:
        """Keys of a meter that do not go together, with what to do about it."""
        basic = self.username is not None or self.client_id is not None
        if self.token is not None and basic:
            key = "mqtt_client_id" if self.username is None else "mqtt_username"
            yield key, "give token or this, not both: a device has credentials of one type"
        if self.cert_file is not None and (self.token is not None or basic):
            why = "not beside a token, mqtt_username or mqtt_client_id"
            yield "mqtt_cert_file", f"{why}: a device has credentials of one type"
        if self.password is not None and self.username is None:
            yield "mqtt_password", "needs mqtt_username"
        if self.key_file is not None and self.cert_file is None:
            yield "mqtt_key_file", "needs mqtt_cert_file, the certificate of this key"


def leaf(path: Path) -> bytes | None:
    """The Base64 of the first certificate in a PEM file, on one line; None where there is none."""
    try:
        found = _CERTIFICATE.search(path.read_bytes())
        text = b"" if found is None else b"".join(found[1].split())
        base64.b64decode(text, validate=True)
    except (OSError, ValueError):
        return None
    return text or None


def certificate_id(base64_text: bytes) -> str:
    """The ``credentialsId`` under which ThingsBoard keeps a certificate (EncryptionUtil)."""
    return hashlib.sha3_256(base64_text).hexdigest()
