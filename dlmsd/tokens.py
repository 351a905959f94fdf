"""Who may use page and REST: tokens by name and role, of which only the SHA-256 is kept.

The list is a file of the state folder, so that a command can change it whether the daemon
runs or not; the daemon looks at it again whenever it has changed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from attrs import frozen
from twisted.logger import Logger

from dlmsd import private
from dlmsd.config import rules
from dlmsd.errors import DlmsdError, StoreError
from dlmsd.secret import Secret

Role: TypeAlias = Literal["read", "admin"]
"""``read`` sees everything but secrets; ``admin`` may change things too."""

FIRST: Final = "web"
"""The name of the token that is made at the first start; it is an admin's."""

# 192 bits: nobody guesses it, so one round of SHA-256 is enough to keep it.
_OCTETS: Final = 24
# Every request with a token is compared with all of them.
MOST: Final = 200
# A token that is used with each request is noted on disk no more often (seconds).
NOTED: Final = 60

_log = Logger()


class TokenError(StoreError):
    """The list of tokens in the state folder cannot be used, so only the first token works;
    look at the file, or remove it and add the tokens anew."""


class UnfitTokenError(DlmsdError):
    """No token was made; take another name, or remove a token that nobody needs."""

    culprit = "operator"


@frozen
class Token:
    """``digest`` is the SHA-256 in hex digits; ``created`` is Unix seconds."""

    name: str
    role: Role
    digest: str
    created: int


def fresh(draw: Callable[[int], bytes]) -> Secret:
    """A new one, fit for a header and for an address."""
    return Secret(base64.urlsafe_b64encode(draw(_OCTETS)))


def digest(token: bytes) -> str:
    """What is kept of it."""
    return hashlib.sha256(token).hexdigest()


def list_file(state_dir: Path) -> Path:
    """Where the list is."""
    return state_dir / "web.tokens"


def load(path: Path) -> tuple[Token, ...]:
    """The list, empty where there is none. Raises TokenError."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=tuple[Token, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        raise TokenError(f"{path}: {error}") from None
    return found


def save(path: Path, tokens: Sequence[Token]) -> None:
    """Whole or not at all, readable by the folder's owner alone. Raises TokenError."""
    try:
        private.replace(path, msgspec.json.format(msgspec.json.encode(tokens)) + b"\n")
    except OSError as error:
        raise TokenError(f"{path}: {error.strerror}") from error


def add(path: Path, name: str, role: Role, draw: Callable[[int], bytes], created: int) -> Secret:
    """A new one, by a name that is free, for the list. Raises TokenError, UnfitTokenError."""
    try:
        rules.name(name)
    except rules.Refusal as error:
        raise UnfitTokenError(f"its name: {error}") from None
    known = load(path)
    if name in (FIRST, *(one.name for one in known)):
        raise UnfitTokenError(f"there is a token {name} already")
    if len(known) >= MOST:
        raise UnfitTokenError(f"there are {MOST} tokens already")
    made = fresh(draw)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    save(path, [*known, Token(name, role, digest(made.reveal()), created)])
    return made


def remove(path: Path, name: str) -> bool:
    """It opens nothing any more; False where it is not in the list. Raises TokenError."""
    known = load(path)
    kept = [one for one in known if one.name != name]
    if len(kept) == len(known):
        return False
    _note(path, {key: at for key, at in last_uses(path).items() if key != name})
    save(path, kept)
    return True


def last_uses(path: Path) -> dict[str, int]:
    """When each of the list, and the first, was last used: Unix seconds, to the minute."""
    try:
        return msgspec.json.decode(_uses_file(path).read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}


def _uses_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.used")


def _note(path: Path, used: dict[str, int]) -> None:
    try:
        private.replace(_uses_file(path), msgspec.json.encode(used), synced=False)
    except OSError as error:  # of a full disk others tell
        _log.debug("the use of a token is not noted: {reason}", reason=error.strerror)


class Tokens:
    """The first token and those of the list at ``path``, as it is at the moment.

    When each was last used is kept in a file beside it; ``wall`` gives Unix seconds.
    """

    def __init__(self, first: Secret, path: Path, wall: Callable[[], float]) -> None:
        self._first = Token(FIRST, "admin", digest(first.reveal()), 0)
        self._path = path
        self._stamp: object = None
        self._listed: tuple[Token, ...] = ()
        self._wall = wall
        self._used = last_uses(path)

    def all(self) -> tuple[Token, ...]:
        """The first one, and those of the list."""
        self._look()
        return (self._first, *self._listed)

    def add(self, name: str, role: Role, draw: Callable[[int], bytes], created: int) -> Secret:
        """A new one of a name that is free. Raises TokenError, UnfitTokenError."""
        return add(self._path, name, role, draw, created)

    def remove(self, name: str) -> bool:
        """It opens nothing any more; False where it is not in the list. Raises TokenError."""
        return remove(self._path, name)

    def used(self, name: str) -> int:
        """When it last was (Unix seconds, to the minute), 0 for never."""
        self._look()
        return self._used.get(name, 0)

    def find(self, given: bytes) -> Token | None:
        """Whose token this is; the time it takes tells nothing of any of them."""
        self._look()
        wanted, found = digest(given), None
        for one in (self._first, *self._listed):
            if hmac.compare_digest(one.digest, wanted):
                found = found or one
        if found is not None:
            self._use(found.name)
        return found

    def _use(self, name: str) -> None:
        now = int(self._wall())
        if not 0 <= now - self._used.get(name, 0) < NOTED:
            self._used = {**self._used, name: now}
            _note(self._path, self._used)

    def _look(self) -> None:
        try:
            seen = os.stat(self._path)
            stamp: object = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        except OSError:
            stamp = None
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._used = last_uses(self._path)
        try:
            self._listed = load(self._path)
        except TokenError as error:
            self._listed = ()
            _log.error("{reason} {advice}", reason=str(error), advice=error.advice)
