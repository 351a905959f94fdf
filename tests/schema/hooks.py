"""Checks for schemathesis: what a visitor of each role may be told.

``DLMSD_ROLE`` says who asks: none, wrong, read, admin. Everything needs a token.
"""

from __future__ import annotations

import itertools
import os
from typing import Any, Final

import schemathesis

ROLE: Final = os.environ.get("DLMSD_ROLE", "none")

# What a reader may not even look at; all else of GET he may.
ADMIN_GETS: Final = frozenset(
    (
        "/api/logs",
        "/api/meters/{id}/thingsboard/test",
        "/api/scan/subnet",
        "/api/scan/subnet/{ip}/{bits}",
        "/api/scan/subnet/{subnet}",
        "/api/system/backup",
        "/api/system/configuration",
        "/api/tokens",
    )
)
# What whoever may not hears: a stranger first of all that he is one, a reader also that there is
# no such path or method.
STOPPED: Final = {"none": {401}, "wrong": {401}, "read": {403, 404, 405}}

_addresses = itertools.count()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Each wrong token from another address: the sixth from one is not even looked at.

    Who has none is given some too, which schemathesis makes up.
    """
    if ROLE in ("wrong", "none"):
        number = next(_addresses)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        case.headers = {**(case.headers or {}), "X-Forwarded-For": address}


@schemathesis.check
def no_bypass(context: Any, response: Any, case: Any) -> None:
    """Nothing is told or done that the role may not have."""
    told = bypass(ROLE, case.operation.path, case.operation.definition.raw, response)
    assert not told, told


def bypass(role: str, path: str, operation: Any, response: Any) -> str:
    """What is wrong with a response to ``role``; empty if nothing is."""
    if not operation.get("security"):
        return ""
    status, method = response.status_code, response.request.method
    if not response.request.headers.get("Authorization"):
        return "" if status == 401 else f"{status} to {method} without a token"
    if role == "admin":
        return "" if status not in (401, 429) else f"{status} to {method} of an admin"
    reads = method == "OPTIONS" or (method in ("GET", "HEAD") and path not in ADMIN_GETS)
    if role == "read" and reads:
        return f"a reader may not read: {status}" if status in (401, 403) else ""
    return "" if status in STOPPED[role] else f"{status} to {method} of role {role}"
