"""When it is time to renew a certificate."""

from __future__ import annotations

from typing import Final

from dlmsd.store.diagnostics import Severity

DAY: Final = 86_400
# Days before its end.
SOON: Final = 30
VERY_SOON: Final = 7


def urgency(days: float) -> Severity:
    """How bad it is that a certificate ends in so many days."""
    if days <= 0:
        return "critical"
    return "error" if days <= VERY_SOON else "warning"
