"""Rows of a load profile that tell their time, as many as there is room for."""

from __future__ import annotations

import datetime
from typing import Final

from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.errors import MeterError
from dlmsd.meter.layout import ProfileRow

# What one reading of a profile may weigh in memory: an hour of rows each second, with thirty
# values each. A meter that sends more in a day only means to.
MOST_MIB: Final = 16
# In octets, roughly: a row and its time, one value of it or why there is none, and a character
# of a text.
_ROW: Final = 400
_VALUE: Final = 120
_CHARACTER: Final = 4


class DatedRows:
    """``take`` them; ``rows`` are by their time, of two of one time one that is believed.

    A row without a time is not kept, but weighs like the others: nobody needs more of those.
    """

    def __init__(self) -> None:
        self.rows: dict[datetime.datetime, ProfileRow] = {}
        self._room = MOST_MIB << 20

    def take(self, row: ProfileRow) -> None:
        """Keep one; MeterError if there is no room for it."""
        texts = sum(len(value) for value in row.values.values() if isinstance(value, str))
        told = len(row.values) + len(row.absent)
        self._room -= _ROW + _VALUE * told + _CHARACTER * texts
        if self._room < 0:
            raise MeterError(f"more than {MOST_MIB} MiB of rows in one range")
        if row.time is not None and (believed(row) or row.time not in self.rows):
            self.rows[row.time] = row


def believed(row: ProfileRow) -> bool:
    """Whether a row has a time that the meter stands by, and something to tell."""
    doubtful = ClockStatus.INVALID | ClockStatus.INVALID_STATUS
    return bool(row.values) and not (row.status is not None and row.status & doubtful)
