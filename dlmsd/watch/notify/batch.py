"""What is to be told now: quiet hours hold it back, a digest gathers it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from itertools import takewhile
from typing import Final, Literal

from dlmsd.config.notice import NoticeOptions
from dlmsd.store.diagnostics import RANKS
from dlmsd.store.notices import Waiting

MOST: Final = 100
"""Notices of one digest; what is more goes with the next one."""

_MINUTE_MS: Final = 60_000


def local(receiver: NoticeOptions, ts: int) -> datetime.datetime:
    """A moment (Unix ms) where the receiver is."""
    return datetime.datetime.fromtimestamp(ts / 1000, receiver.timezone).astimezone(
        receiver.timezone
    )


def quiet(receiver: NoticeOptions, ts: int) -> bool:
    """Whether the receiver wants to hear nothing at that moment (Unix ms)."""
    return receiver.quiet is not None and receiver.quiet.hold(local(receiver, ts).time())


def batch(receiver: NoticeOptions, waiting: Sequence[Waiting], now: int) -> Sequence[Waiting]:
    """Those that go ``now`` (Unix ms) in one message, none if it is not yet time.

    A report goes at its time, and so does what is urgent.
    """
    urgent = next((one for one in waiting if _urgent(receiver, one)), None)
    if urgent is not None:
        return (urgent,)
    if not waiting or quiet(receiver, now):
        return ()
    if receiver.digest:
        # A clock that was set back must not hold it for so much longer.
        ripe = not 0 <= now - waiting[0].at < receiver.digest * _MINUTE_MS
        return waiting[:MOST] if ripe or _held(receiver, waiting) else ()
    return _held(receiver, waiting)[:MOST] or waiting[:1]


def held(receiver: NoticeOptions, one: Waiting, now: int) -> Literal["", "quiet", "digest"]:
    """What a notice waits for ``now`` (Unix ms), nothing if only for its turn."""
    if _urgent(receiver, one):
        return ""
    if quiet(receiver, now):
        return "quiet"
    return "digest" if receiver.digest else ""


def _held(receiver: NoticeOptions, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
    """The first of them, as far as quiet hours have held them back."""
    return tuple(takewhile(lambda one: quiet(receiver, one.at), waiting))


def _urgent(receiver: NoticeOptions, one: Waiting) -> bool:
    if one.state == "report":
        return True
    if receiver.urgent is None or one.state == "cleared":
        return False
    return RANKS[one.severity] >= RANKS[receiver.urgent]
