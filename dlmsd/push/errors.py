"""What can be wrong with what meters send unasked."""

from __future__ import annotations

from dlmsd.errors import DlmsdError, SilenceError


class PushSilenceError(SilenceError):
    """The meter has sent nothing for longer than `expect_every`; check that it runs, and that \
its pushes are sent here."""


class ListenError(DlmsdError):
    """Nobody can be heard there; check the port in [[push]], and that nothing else listens \
on it."""

    culprit = "operator"


class NamelessError(DlmsdError):
    """The meter wants its ciphered pushes confirmed, and repeats them until they are; give it a \
system_title of this client's own."""

    culprit = "operator"
    cause = "operator"
