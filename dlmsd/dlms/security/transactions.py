"""Which transactions a key of one use is believed in.

Such a key has no counter to compare with: a recording brings its own key along. What
tells it from the genuine message is the transaction-id, which the client draws anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from dlmsd.dlms.security.errors import TransactionError

ID_SIZE: Final = 8
# A meter's association has a few hundred transactions; this many are an attack on memory.
_MAX_TAKEN: Final = 4096


class Transactions(Protocol):
    """One end's knowledge of them."""

    def check(self, transaction_id: bytes) -> None:
        """TransactionError if nothing can be believed in this transaction."""

    def end(self, transaction_id: bytes) -> None:
        """Its message has come, and is good: there is no second one."""


class OwnTransactions:
    """The client's: the one request under way."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._open: bytes | None = None

    def begin(self) -> bytes:
        """The id of a new one; the one before is over."""
        self._open = self._random(ID_SIZE)
        return self._open

    def check(self, transaction_id: bytes) -> None:
        """TransactionError unless it is the one under way."""
        if self._open is None or transaction_id != self._open:
            raise TransactionError(f"transaction-id {transaction_id.hex().upper()}")

    def end(self, transaction_id: bytes) -> None:
        """Nothing is under way any more."""
        self._open = None


class TakenTransactions:
    """The meter's: whatever it has not seen in this association."""

    def __init__(self) -> None:
        self._taken: set[bytes] = set()

    def check(self, transaction_id: bytes) -> None:
        """TransactionError if it was seen already, or has no id."""
        if transaction_id in self._taken or not transaction_id:
            raise TransactionError(f"transaction-id {transaction_id.hex().upper()} again")
        if len(self._taken) >= _MAX_TAKEN:
            raise TransactionError(f"more than {_MAX_TAKEN} in one association")

    def end(self, transaction_id: bytes) -> None:
        """It is seen now."""
        self._taken.add(transaction_id)
