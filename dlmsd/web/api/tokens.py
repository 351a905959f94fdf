"""Access tokens of page and REST: which there are, one more, one fewer."""

from __future__ import annotations

from typing import Any, Final, cast

from attrs import frozen

from dlmsd.tokens import FIRST, Role, Token, Tokens
from dlmsd.web import kinds
from dlmsd.web.api.parts import Parts, iso
from dlmsd.web.kinds import said
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.problem import RefusedError
from dlmsd.web.shape import object_of

_TAG: Final = "system"


@frozen(kw_only=True)
class TokenBody:
    name: str = said(kinds.NAME, says="What the audit trail calls whoever uses it")
    role: str = said(
        kinds.choice("read", "admin"), "read", says="read: all but changes; admin: changes too"
    )


@frozen
class TokenView:
    """A token, which itself is not kept. ``created`` is null for the first one, which is changed
    where it stands (``removable``); ``last_used`` for one that was not yet, within the minute."""

    name: str
    role: Role
    created: str | None
    last_used: str | None
    removable: bool


@frozen
class TokenMade:
    """``token`` is told this once: only its SHA-256 is kept."""

    name: str
    role: Role
    token: str


class AccessTokens:
    """The operations under /api/tokens; none of them is ever free."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def _tokens(self) -> Tokens:
        return self._parts.tokens

    def operations(self) -> list[Operation]:
        both: dict[str, Any] = {"tag": _TAG, "need": "secrets"}
        return [
            Operation(
                method="GET",
                path="/api/tokens",
                work=self.list,
                summary="The access tokens by name; never what they are",
                answers={200: Answer("The first one, then by age", list[TokenView])},
                **both,
            ),
            Operation(
                method="POST",
                path="/api/tokens",
                work=self.add,
                summary="Make an access token",
                body=object_of(TokenBody),
                answers={201: Answer("The token, told once", TokenMade)},
                refuses=(409,),
                **both,
            ),
            Operation(
                method="DELETE",
                path="/api/tokens/{name}",
                work=self.remove,
                summary="Let a token open nothing any more, at once",
                answers={204: Answer("It is gone")},
                refuses=(404, 409),
                **both,
            ),
        ]

    async def list(self, call: Call) -> Reply:
        return Reply([self._view(one) for one in self._tokens.all()])

    async def add(self, call: Call) -> Reply:
        body: TokenBody = call.body
        machine = self._parts.machine
        role, now = cast(Role, body.role), int(self._parts.wall())
        made = self._tokens.add(body.name, role, machine.draw, now)
        await self._parts.registry.audit.add(call.who.name, "token added", body.name, body.role)
        return Reply(TokenMade(body.name, role, made.reveal().decode()), 201)

    async def remove(self, call: Call) -> Reply:
        name = call.path["name"]
        if name == FIRST:
            why = "The first token is changed by [web] token, or by the file web.token."
            raise RefusedError(409, why)
        if not self._tokens.remove(name):
            raise RefusedError(404, "There is no such token.")
        await self._parts.registry.audit.add(call.who.name, "token removed", name)
        return Reply(None, 204)

    def _view(self, one: Token) -> TokenView:
        used = self._tokens.used(one.name)
        return TokenView(
            one.name,
            one.role,
            iso(one.created * 1000) if one.created else None,
            iso(used * 1000) if used else None,
            one.name != FIRST,
        )
