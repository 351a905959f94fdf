"""Certificates of one day, by an authority of their own."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Writes ROLE.pem and ROLE.key into ``folder``; its own certificate is ca.pem."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certify("Test CA", self._key.public_key(), "ca")

    def issue(self, name: str, role: str = "server", days: float = 1) -> None:
        """A certificate; that of a server is made out to ``name``, localhost's to 127.0.0.1 too.

        It ends in ``days``, which may be below 0.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        self._certify(name, key.public_key(), role, days)
        form = serialization.PrivateFormat.PKCS8
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, form, plain)
        (self._folder / f"{role}.key").write_bytes(pem)

    def _certify(self, name: str, public: Any, role: str, days: float = 1) -> None:
        now = datetime.datetime.now(datetime.UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(role == "ca", None), critical=True)
        )
        if role == "server":
            names: list[x509.GeneralName] = [x509.DNSName(name)]
            if name == "localhost":
                names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (self._folder / f"{role}.pem").write_bytes(pem)
