"""Where pushes arrive: each goes to the meter that it is of, or is counted as a stranger's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dlmsd.config.values import PushOptions
from dlmsd.dlms.security.errors import SystemTitleError
from dlmsd.dlms.xdlms.notification import DataNotificationConfirm
from dlmsd.errors import DecodeError, DlmsdError
from dlmsd.meter.payload import decode_push
from dlmsd.push.assembly import Arrived
from dlmsd.push.directory import Directory, Letter, signs, told_title
from dlmsd.push.framing import answer
from dlmsd.push.meter import Confirm, PushedMeter

# Strangers that were told of once; beyond these the log is spared, and the status counts.
_MOST_TOLD: Final = 1000


class Desk:
    """``unknown`` hears of each stranger's APDU: the listener's name, and who it may be.

    With ``trace`` each APDU has a line of the log, at debug.
    """

    _log = Logger()

    def __init__(self, unknown: Callable[[str, str], None], *, trace: bool = False) -> None:
        self._directory = Directory(())
        self._unknown = unknown
        self._trace = trace
        self._told: set[tuple[str, str]] = set()

    def know(self, meters: Sequence[PushedMeter]) -> None:
        """Pushes are of these from now on, or of strangers."""
        self._directory = Directory(meters)

    def arrived(
        self,
        one: Arrived,
        listener: PushOptions,
        host: str,
        reply: Callable[[bytes], None] = lambda octets: None,
    ) -> None:
        """An APDU came; ``reply`` sends octets to where it is from. No error leaves here."""
        letter = Letter(one.apdu, listener, one.route, host)
        if self._trace:
            self._log.debug(
                "[[push]] {listener}: received {octets} from {sender}",
                listener=listener.name,
                octets=one.apdu.hex(),
                sender=letter.sender,
            )
        try:
            if letter.protected:
                self._protected(letter, partial(_answering, one, reply))
            else:
                self._plain(letter, partial(_answering, one, reply))
        except Exception:  # noqa: BLE001 - a bug over one push must not end all later ones
            self._log.failure("A push met a fault of dlmsd", listener=listener.name)

    def _plain(self, letter: Letter, confirming: Callable[[PushedMeter], Confirm]) -> None:
        error: DecodeError | None = None
        try:
            letter = evolve(letter, push=decode_push(letter.apdu))
        except DecodeError as bad:
            error = bad
        meter = self._directory.find(letter)
        if meter is None:
            self._stranger(letter)
            return
        try:
            meter.expects_plain()
            if error is not None:
                raise error
        except DlmsdError as refused:
            meter.refuse(refused)
            return
        assert letter.push is not None
        meter.take(letter.push, _origin(letter), confirming(meter))

    def _protected(self, letter: Letter, confirming: Callable[[PushedMeter], Confirm]) -> None:
        try:
            letter = evolve(letter, title=told_title(letter.apdu))
        except DecodeError:
            self._stranger(letter)
            return
        meter = self._directory.find(letter)
        if meter is None:
            self._stranger(letter)
            return
        try:
            push = decode_push(meter.opened(letter.apdu))
            letter = evolve(letter, push=push)
            if not signs(meter.options, letter):
                raise SystemTitleError("the push has another serial number in it")
        except DlmsdError as error:
            meter.refuse(error)
            return
        meter.take(push, _origin(letter), confirming(meter))

    def _stranger(self, letter: Letter) -> None:
        name, sender = letter.listener.name, letter.sender
        self._unknown(name, sender)
        if (name, sender) in self._told or len(self._told) >= _MOST_TOLD:
            return
        self._told.add((name, sender))
        self._log.warn(
            "[[push]] {listener}: a push of no configured meter, from {sender}",
            listener=name,
            sender=sender,
        )


def _answering(one: Arrived, reply: Callable[[bytes], None], meter: PushedMeter) -> Confirm:
    """Sends a confirmation to ``meter``, protected as its pushes are, where that can be done."""

    def confirm(confirmation: DataNotificationConfirm) -> None:
        plain, frame = confirmation.encode(), one.frame
        # M-Bus carries none, and for nothing no counter is drawn.
        if frame is None or not answer(frame, plain):
            return
        Deferred.fromCoroutine(meter.answering(plain)).addCallbacks(
            lambda apdu: reply(answer(frame, apdu)), meter.unconfirmed
        )

    return confirm


def _origin(letter: Letter) -> str:
    """As the page shows it."""
    place = letter.host or letter.listener.address
    return f"{place} (push {letter.listener.name})"
