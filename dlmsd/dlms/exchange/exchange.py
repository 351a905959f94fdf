"""What all exchanges share: whose answer it is, and how many strangers are borne."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from dlmsd.dlms.outcome import AssociationEvent, Discarded, RequestFailed
from dlmsd.dlms.xdlms.apdu import Apdu
from dlmsd.dlms.xdlms.invoke import invoke_id
from dlmsd.errors import DlmsdError, MeterError

_MAX_STRAY: Final = 2


class Exchange(ABC):
    """Asks under ``invoke``, and takes what comes until the answer is whole.

    It has ended with the first Results or RequestFailed that :meth:`receive` returns. What
    it returns as SendApdu is plain: the association protects it.
    """

    ANSWERS: ClassVar[tuple[type, ...]]
    changes = False
    """Whether the meter is asked to write or to invoke anything."""

    def __init__(self, invoke: int) -> None:
        self._invoke = invoke
        self._stray = 0

    @abstractmethod
    def request(self) -> bytes:
        """The APDU that begins it; ServiceError if the meter can take no such request."""

    def receive(self, response: Apdu) -> Sequence[AssociationEvent]:
        """Take a decoded APDU from the meter."""
        name = type(response).__name__
        if not isinstance(response, self.ANSWERS):
            return [Discarded(f"{name} answers nothing")]
        told = self._told(response)
        if told == self._told(self):
            return self._answered(response)
        self._stray += 1
        if self._stray >= _MAX_STRAY:
            return failed(MeterError("the meter answers with another invoke-id"))
        return [Discarded(f"{name} with invoke-id {told}")]

    @property
    def invoke(self) -> int:
        """The invoke-id and priority of every request of this exchange."""
        return self._invoke

    def _told(self, of: Any) -> int:
        return invoke_id(of.invoke)

    @abstractmethod
    def _answered(self, response: Any) -> Sequence[AssociationEvent]:
        """Take an answer that is ours."""


def failed(error: DlmsdError) -> list[AssociationEvent]:
    """The end of an exchange without an answer."""
    return [RequestFailed(error)]
