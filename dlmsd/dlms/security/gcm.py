"""AES-GCM as DLMS uses it (IEC 62056-5-3 clause 5.3.3.7.3, NIST SP 800-38D).

The initialization vector is the sender's system title (8 bytes) and its invocation
counter (4 bytes). The tag has 12 bytes. What the tag covers beside the ciphertext:

=================  ==============================================
authenticated      SC, AK, header, plaintext (sent in the clear)
both               SC, AK, header
encrypted          nothing: there is no tag
=================  ==============================================

SC is the security control byte, AK the authentication key (may be absent), ``header``
belongs to general-ciphering alone.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq

from dlmsd.dlms.security.errors import TagError
from dlmsd.dlms.security.suite import SecurityControl, SecuritySuite
from dlmsd.errors import LocalError
from dlmsd.secret import Secret

TAG_SIZE: Final = 12
# What AESGCM appends; DLMS sends its first 12 bytes.
_FULL_TAG: Final = 16


class Gcm:
    """One encryption key with its authentication key, ready for use.

    ``AESGCM`` is kept because making one costs more than using it. It cannot check a tag
    of 12 bytes, and ``Cipher``, which can, takes two and a half times as long as what
    stands here: encrypt twice, for counter mode undoes itself, and compare the tags.
    """

    __slots__ = ("_aes", "_authentication")

    def __init__(
        self, suite: SecuritySuite, encryption: Secret, authentication: Secret | None = None
    ) -> None:
        """KeyLengthError if a key is none of ``suite``."""
        self._aes = AESGCM(suite.check_key(encryption, "the encryption key"))
        self._authentication = b""
        if authentication is not None:
            self._authentication = suite.check_key(authentication, "the authentication key")

    def protect(
        self,
        control: SecurityControl,
        title: bytes,
        counter: int,
        plain: bytes,
        header: bytes = b"",
    ) -> bytes:
        """Ciphertext or plaintext, and the tag if authenticated.

        ``title`` and ``counter`` are the sender's and must never repeat under this key.
        """
        vector = title + counter.to_bytes(4, "big")
        if not control.authenticated:
            if not control.encrypted:
                raise LocalError("a protection that is none")
            return self._aes.encrypt(vector, plain, None)[:-_FULL_TAG]
        covered = bytes((int(control),)) + self._authentication + header
        if control.encrypted:
            return self._aes.encrypt(vector, plain, covered)[: TAG_SIZE - _FULL_TAG]
        return plain + self._aes.encrypt(vector, b"", covered + plain)[:TAG_SIZE]

    def open(
        self,
        control: SecurityControl,
        title: bytes,
        counter: int,
        content: bytes,
        header: bytes = b"",
    ) -> bytes:
        """The plaintext; TagError if the tag is wrong or missing, in constant time.

        Without ``control.authenticated`` nothing is proved.
        """
        vector = title + counter.to_bytes(4, "big")
        if not control.authenticated:
            if not control.encrypted:
                raise LocalError("a protection that is none")
            return self._aes.encrypt(vector, content, None)[:-_FULL_TAG]
        if len(content) < TAG_SIZE:
            raise TagError(f"a tag of {len(content)} bytes, not {TAG_SIZE}")
        covered = bytes((int(control),)) + self._authentication + header
        body, tag = content[:-TAG_SIZE], content[-TAG_SIZE:]
        if control.encrypted:
            plain = self._aes.encrypt(vector, body, None)[:-_FULL_TAG]
            good = self._aes.encrypt(vector, plain, covered)[-_FULL_TAG : TAG_SIZE - _FULL_TAG]
        else:
            plain = body
            good = self._aes.encrypt(vector, b"", covered + plain)[:TAG_SIZE]
        if not bytes_eq(tag, good):
            raise TagError(f"of {control.words} APDU {counter} of {title.hex().upper()}")
        return plain
