"""Who was not let in: wrong tokens, counted by address until somebody notes them."""

from __future__ import annotations

from collections import Counter
from typing import Final

# Of a minute; an attacker with many addresses must not push all else out of the audit trail.
_ADDRESSES: Final = 20
OTHERS: Final = "other addresses"


class Door:
    """``wrong`` counts all wrong tokens since the start."""

    def __init__(self) -> None:
        self.wrong = 0
        self._since: Counter[str] = Counter()

    def refused(self, address: str) -> None:
        """A token from there opened nothing."""
        self.wrong += 1
        known = address in self._since or len(self._since) < _ADDRESSES
        self._since[address if known else OTHERS] += 1

    def take(self) -> Counter[str]:
        """By address since it was last taken."""
        taken, self._since = self._since, Counter()
        return taken
