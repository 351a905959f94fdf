"""Secrets by value or by reference: text, a file, the environment, a systemd credential, or a file
sealed under ``registry_key``, as ``dlmsd provision`` writes it."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from dlmsd.config import rules
from dlmsd.config.rules import Refusal, Rule
from dlmsd.config.system import Outside
from dlmsd.sealing import SEALED, Seal, SealError
from dlmsd.secret import Secret
from dlmsd.withheld import WithheldSecret

_FORMS: Final = (
    '"text", { file = "..." }, { env = "..." }, { credential = "..." } or { sealed = "..." }'
)
REGISTRY_KEY: Final = 32
_HELD: Final = "token"
# The longest line that a secret may be: longer ones are a wrong file, a binary one say.
_LONGEST: Final = 65536


@frozen
class SecretReader:
    """Reads secrets; relative files start at ``folder``, sealed ones open with ``key``. Of an
    environment :class:`Outside` the service, what only that is given is a WithheldSecret.

    Neither a secret nor the name of its source is ever part of a message: a token written
    where a name belongs would be printed.
    """

    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    key: Secret | None = None

    @classmethod
    def of(
        cls, table: Mapping[str, object], folder: Path, environ: Mapping[str, str]
    ) -> SecretReader:
        """Of a configuration, with the key that it gives; one that is wrong is its section's."""
        reader = cls(folder, environ)
        daemon = table.get("daemon")
        if not isinstance(daemon, dict) or "registry_key" not in daemon:
            return reader
        try:
            return evolve(reader, key=reader.octets(REGISTRY_KEY)(daemon["registry_key"]))
        except Refusal:
            return reader

    def read(self, value: object) -> Secret:
        """The secret that ``value`` is or names; raises Refusal."""
        if isinstance(value, str):
            return _filled(value.encode(), "the secret is empty")
        if not isinstance(value, dict) or len(value) != 1:
            raise Refusal(f"expected a secret: {_FORMS}")
        ((form, name),) = value.items()
        if (
            form not in ("file", "env", "credential", "sealed")
            or not isinstance(name, str)
            or not name
        ):
            raise Refusal(f"expected a secret: {_FORMS}")
        if form == "env":
            return self._environment(name)
        if form == "sealed":
            return self._opened(self.folder / name)
        return self._file(self.folder / name) if form == "file" else self._credential(name)

    def octets(self, *sizes: int) -> Rule:
        """The rule for a secret of one of these sizes in bytes, written as hex digits."""
        octets = rules.octets(*sizes)

        def rule(value: object) -> Secret:
            found = self.read(value)
            if isinstance(found, WithheldSecret):
                return found
            return Secret(octets(found.reveal().decode("ascii", "replace")))

        return rule

    def _environment(self, name: str) -> Secret:
        found = self.environ.get(name)
        if found is None:
            raise Refusal("the environment variable named here is not set")
        return _filled(
            found.encode("utf-8", "surrogateescape"),
            "the environment variable named here is empty",
        )

    def _credential(self, name: str) -> Secret:
        if "/" in name or name.startswith("."):
            raise Refusal("expected the name of a credential, not a path")
        folder = self.environ.get("CREDENTIALS_DIRECTORY")
        if isinstance(self.environ, Outside) and not (
            folder and os.access(Path(folder) / name, os.R_OK)
        ):
            return WithheldSecret(f"credential {name}")
        if not folder:
            raise Refusal("there is no $CREDENTIALS_DIRECTORY; systemd's LoadCredential= makes it")
        return self._file(Path(folder) / name)

    def _opened(self, path: Path) -> Secret:
        kept = self._file(path).reveal()
        if self.key is None:
            raise Refusal("what is named here is sealed; give [daemon] registry_key, its key")
        if isinstance(self.key, WithheldSecret):
            return WithheldSecret(f"sealed {path}")
        try:
            octets = base64.b64decode(kept, validate=True)
            if octets[:1] != SEALED:
                raise Refusal("the file named here holds nothing sealed; file = reads it as it is")
            return Seal(self.key).open(path.name, octets)[_HELD]
        except binascii.Error:
            raise Refusal(
                "the file named here holds nothing sealed; file = reads it as it is"
            ) from None
        except SealError:
            raise Refusal(
                "what is named here was sealed with another registry_key, or under another name; "
                "fetch the token again with dlmsd provision"
            ) from None

    def _file(self, path: Path) -> Secret:
        try:
            # Only regular files: a pipe or a terminal would hold up the start.
            if path.exists() and not path.is_file():
                raise Refusal("what is named here is no regular file")
            with path.open("rb") as stream:
                line = stream.readline(_LONGEST)
        except OSError as error:
            raise Refusal(f"the file named here cannot be read: {error.strerror}") from None
        except ValueError as error:
            if isinstance(error, Refusal):
                raise
            raise Refusal("the file named here cannot have such a name") from None
        if len(line) == _LONGEST:
            raise Refusal("the first line of the file named here is too long for a secret")
        return _filled(line.strip(), "the first line of the file named here is empty")


def sealed(file: str, secret: Secret, key: Secret, draw: Callable[[int], bytes]) -> bytes:
    """What a file of this name holds that ``{ sealed = ... }`` opens; ``draw`` gives randomness."""
    return base64.b64encode(Seal(key, draw).close(file, {_HELD: secret}))


def _filled(value: bytes, otherwise: str) -> Secret:
    if not value:
        raise Refusal(otherwise)
    return Secret(value)
