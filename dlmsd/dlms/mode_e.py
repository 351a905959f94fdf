r"""The opening of an optical head: IEC 62056-21 mode E, from 300 Bd to HDLC.

::

    client   /?ADDRESS! CR LF                      300 Bd, 7 bits and even parity
    meter    /XXXZ\2IDENTIFICATION CR LF           Z: its rate; \2: HDLC is available
    client   ACK 2 Z 2 CR LF                       2: HDLC procedure; Z; 2: binary mode
    meter    ACK 2 Z 2 CR LF                       at the new rate
    then HDLC, 8 bits without parity

Octets in, actions out. Nothing comes while a Wait lasts but the state's own octets:

=============  ===========================  ===================================================
state          octets                       when the wait is over
=============  ===========================  ===================================================
REQUESTED      an identification: REPLYING  request again; after the third time it has failed
REPLYING       dropped                      the acknowledgement goes out: SWITCHING
SWITCHING      dropped: our own echo        the new rate: CONFIRMING
CONFIRMING     the confirmation: SETTLING   some meters do not confirm: OPEN
SETTLING       dropped                      OPEN
=============  ===========================  ===================================================

Seven bits and even parity are, on the line, eight bits of which the last is the parity, so
the port is never told of another format: parity is put on and taken off here.

An echo of the request ends in ``!`` and begins no identification, so it is passed over.
"""

from __future__ import annotations

import enum
import re
from typing import Final, TypeAlias

from attrs import frozen

from dlmsd.errors import DlmsdError, LocalError, MeterError, SilenceError

FIRST_RATE: Final = 300
RATES: Final = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}
"""Baud rate by its character (clause 6.3.14, item 13), as mode E has them."""
MAX_ADDRESS: Final = 32

_ATTEMPTS: Final = 3
# Between two messages: at least 200 ms, or 20 ms where the meter says so, at most 1.5 s;
# between two characters at most 1.5 s (clause 6.3.14, tr and ta).
_REACTION: Final = 0.2
_SHORT_REACTION: Final = 0.02
_PATIENCE: Final = 1.5
# Start bit, seven bits, parity, stop bit.
_BITS: Final = 10
# The standard has 21 characters and escapes; known meters have 26. The rest is noise.
_MAX_LINE: Final = 128

_IDENTIFICATION: Final = re.compile(
    rb"/([A-Za-z]{3})([\x20-\x7e])((?:\\[\x20-\x7e])*)([\x20-\x7e]{0,64})\r\n"
)
_HDLC: Final = "\\2"


@frozen
class Send:
    """Put these octets on the line."""

    octets: bytes


@frozen
class Rate:
    """From now on so many Bd."""

    rate: int


@frozen
class Wait:
    """Call ``elapsed`` after so many seconds, unless another Wait comes first."""

    seconds: float


@frozen
class Opened:
    """The line speaks HDLC. ``identification`` is what the meter calls itself."""

    identification: str


@frozen
class Failed:
    """There will be no HDLC."""

    error: DlmsdError


Action: TypeAlias = Send | Rate | Wait | Opened | Failed


class State(enum.Enum):
    """Where the opening stands."""

    IDLE = "idle"
    REQUESTED = "requested"
    REPLYING = "replying"
    SWITCHING = "switching"
    CONFIRMING = "confirming"
    SETTLING = "settling"
    ENDED = "ended"


class ModeE:
    """One opening. ``address`` is the meter's on its bus, "" for whoever is there.

    The rate is the meter's, but not above ``ceiling``. LocalError for one that no meter
    can be told.
    """

    def __init__(self, address: str = "", ceiling: int = 9600) -> None:
        if ceiling not in RATES.values():
            raise LocalError(f"mode E has no {ceiling} Bd")
        self.state = State.IDLE
        self._request = even(f"/?{address}!\r\n".encode("ascii"))
        self._ceiling = ceiling
        self._attempts = 0
        self._buffer = b""
        self._reaction = _REACTION
        self._rate = FIRST_RATE
        self._acknowledgement = b""
        self._identification = ""

    def start(self) -> list[Action]:
        """Ask who is there."""
        self._attempts += 1
        self._buffer = b""
        self.state = State.REQUESTED
        lasts = _seconds(self._request, FIRST_RATE)
        return [Rate(FIRST_RATE), Send(self._request), Wait(lasts + _PATIENCE)]

    def receive(self, octets: bytes) -> list[Action]:
        """Take what came."""
        if self.state not in (State.REQUESTED, State.CONFIRMING):
            return []
        self._buffer = (self._buffer + without_parity(octets))[-_MAX_LINE:]
        if self.state is State.CONFIRMING:
            if without_parity(self._acknowledgement) not in self._buffer:
                return [Wait(_PATIENCE)]
            self.state = State.SETTLING
            return [Wait(self._reaction)]
        found = _IDENTIFICATION.search(self._buffer)
        return [Wait(_PATIENCE)] if found is None else self._identified(found)

    def elapsed(self) -> list[Action]:
        """The wait is over."""
        match self.state:
            case State.REQUESTED if self._attempts < _ATTEMPTS:
                return self.start()
            case State.REQUESTED:
                return self._fail(SilenceError("no answer to the opening request (mode E)"))
            case State.REPLYING:
                self.state = State.SWITCHING
                lasts = _seconds(self._acknowledgement, FIRST_RATE)
                # The meter answers after its reaction time; half of it is time to switch.
                return [Send(self._acknowledgement), Wait(lasts + self._reaction / 2)]
            case State.SWITCHING:
                self.state = State.CONFIRMING
                self._buffer = b""
                return [Rate(self._rate), Wait(_PATIENCE)]
            case State.CONFIRMING | State.SETTLING:
                self.state = State.ENDED
                return [Opened(self._identification)]
        return []

    def _identified(self, found: re.Match[bytes]) -> list[Action]:
        manufacturer, rate, modes, name = (part.decode("ascii") for part in found.groups())
        self._identification = manufacturer + name
        if _HDLC not in modes or rate not in RATES:
            return self._fail(MeterError(f"{self._identification} offers no HDLC (mode E)"))
        self._rate = min(RATES[rate], self._ceiling)
        character = next(one for one, value in RATES.items() if value == self._rate)
        self._acknowledgement = even(f"\x062{character}2\r\n".encode("ascii"))
        self._reaction = _SHORT_REACTION if manufacturer[2].islower() else _REACTION
        self.state = State.REPLYING
        return [Wait(self._reaction)]

    def _fail(self, error: DlmsdError) -> list[Action]:
        self.state = State.ENDED
        return [Failed(error)]


def even(octets: bytes) -> bytes:
    """ASCII with its parity bit."""
    return bytes(octet | (octet.bit_count() & 1) << 7 for octet in octets)


def without_parity(octets: bytes) -> bytes:
    """ASCII, whatever parity it had."""
    return bytes(octet & 0x7F for octet in octets)


def _seconds(octets: bytes, rate: int) -> float:
    """How long they are on the line."""
    return len(octets) * _BITS / rate
