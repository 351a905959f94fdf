"""What can be asked over HTTP: each operation says all that its answerer and its reader need."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from dlmsd.language import Code
from dlmsd.web.access import Need, Visitor
from dlmsd.web.kinds import Kind

JSON: Final = "application/json"

BODY: Final = 1 << 16
"""Bytes of a request's body: a meter with all its options and measurements is a tenth of it."""

LARGE: Final = 1 << 22
"""Bytes of a body of many: 20,000 meters with a name, a place, a token and a password each. Only
who may change things is heard so far."""


@frozen
class Call:
    """One request, judged: ``path``, ``query`` and ``body`` are values of their kinds.

    ``match`` is the ETag that a change rests upon, None if it names none. ``request`` is for
    who needs more of it, or answers it himself. ``language`` is what the reader asks for, None
    where nobody says.
    """

    who: Visitor
    path: Mapping[str, Any] = field(factory=dict)
    query: Any = None
    body: Any = None
    match: str | None = None
    request: Any = None
    language: Code | None = None


@frozen
class Reply:
    """A value that becomes JSON; bytes go as they are."""

    value: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = JSON


@frozen
class Stream:
    """A body that comes piece by piece, never faster than it is taken."""

    pieces: AsyncIterator[bytes]
    media_type: str
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Taken:
    """The request is answered by who has taken it, for as long as it lasts."""


Work: TypeAlias = Callable[[Call], Awaitable[Reply | Stream | Taken]]


@frozen
class Answer:
    """What a status means, and the class of its JSON; None for ``also`` alone, or no body.

    ``also`` is another media type that it may come in.
    """

    says: str
    holds: Any = None
    also: str | None = None
    headers: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Operation:
    """``path`` has its parameters in braces; ``query`` is a class, ``body`` a kind.

    ``refuses`` are the statuses of refusals beside those that any operation may have. A body
    may have ``room`` bytes. An ``early`` one needs nothing that is there only once the daemon is
    ready.
    """

    method: str
    path: str
    work: Work
    summary: str
    tag: str
    need: Need = "read"
    query: type | None = None
    body: Kind | None = None
    room: int = BODY
    answers: Mapping[int, Answer]
    refuses: tuple[int, ...] = ()
    conditional: bool = False
    early: bool = False

    @property
    def parameters(self) -> list[str]:
        """The names in the path's braces."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def name(self) -> str:
        """An identifier (operationId)."""
        words = re.sub(r"[^a-z0-9]+", "_", f"{self.method}_{self.path}".lower())
        return words.strip("_").replace("_api", "", 1)
