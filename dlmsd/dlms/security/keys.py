"""The keys of one association, all secret but the peer's public ones."""

from __future__ import annotations

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric import ec

from dlmsd.dlms.security.errors import MissingKeyError
from dlmsd.dlms.security.signature import load_private, load_public
from dlmsd.dlms.security.suite import SecuritySuite
from dlmsd.secret import Secret


@frozen
class Keys:
    """What is not configured is None; whoever needs it gets a MissingKeyError.

    Symmetric: ``encryption`` (global unicast), ``authentication``, ``dedicated``,
    ``broadcast`` and ``master`` (wraps other keys), of the suite's key size. With a
    ``broadcast`` key everybody who has it can speak for the meter: give it to push
    listeners only. Asymmetric, suites 1 and 2: our private scalars ``signing`` and
    ``agreement``, and the peer's public points, x and y side by side.
    """

    encryption: Secret | None = None
    authentication: Secret | None = None
    dedicated: Secret | None = None
    broadcast: Secret | None = None
    master: Secret | None = None
    signing: Secret | None = None
    agreement: Secret | None = None
    peer_signing: bytes | None = field(default=None, repr=False)
    peer_agreement: bytes | None = field(default=None, repr=False)

    def check(self, suite: SecuritySuite) -> None:
        """KeyLengthError, KeyAgreementError or LocalError if a key is none of ``suite``."""
        for name in ("encryption", "authentication", "dedicated", "broadcast", "master"):
            if getattr(self, name) is not None:
                suite.check_key(self.need(name), f"the {name} key")
        for name in ("signing", "agreement"):
            if getattr(self, name) is not None:
                self.private(suite, name)
        for name in ("peer_signing", "peer_agreement"):
            if getattr(self, name) is not None:
                self.public(suite, name)

    def need(self, name: str) -> Secret:
        """The secret key of this name; MissingKeyError if there is none."""
        key = getattr(self, name)
        if not isinstance(key, Secret):
            raise MissingKeyError(f"no {name} key is configured")
        return key

    def private(self, suite: SecuritySuite, name: str) -> ec.EllipticCurvePrivateKey:
        """Our private key, ready for use; MissingKeyError if there is none."""
        return load_private(suite, self.need(name))

    def public(self, suite: SecuritySuite, name: str) -> ec.EllipticCurvePublicKey:
        """The peer's public key, ready for use; MissingKeyError if there is none."""
        point = getattr(self, name)
        if point is None:
            raise MissingKeyError(f"no {name} key is configured")
        return load_public(suite, point)
