"""A check for schemathesis: where a token is needed, nothing is told to who has none."""

from __future__ import annotations

from typing import Any

import schemathesis

OPEN = 401


@schemathesis.check
def no_bypass(context: Any, response: Any, case: Any) -> None:
    needs = case.operation.definition.raw.get("security")
    if needs and "Authorization" not in response.request.headers:
        assert response.status_code == OPEN, f"{response.status_code} without a token"
