"""What the meters of one model have built in, and what is odd about it, as data."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import field, frozen

from dlmsd.dlms.axdr.clock import ClockStatus

Deviation: TypeAlias = Literal["standard", "opposite", "none"]


@frozen
class ClockOptions:
    """``timezone`` is an IANA name. ``deviation``: ``standard`` counts from local time to
    UTC, ``opposite`` from UTC to local time, ``none`` sends none. ``status`` are bits that
    stand in every date-time, None for a status that is not specified. ``drift`` is how many
    seconds a day the clock gains on the wall.
    """

    timezone: str = "UTC"
    deviation: Deviation = "standard"
    status: ClockStatus | None = field(default=ClockStatus(0))
    drift: float = 0.0


@frozen
class ProfileOptions:
    """Of all profiles; ``entries`` (profile_entries) and ``period`` (seconds) are those of
    the load profile.

    ``since`` is when capturing began (Unix seconds), None for so long ago that the buffer
    has wrapped. ``newest_first`` sorts by lifo instead of fifo; with ``ring_order`` rows
    come in the order of their places in the memory. The meter is off for the first
    ``off_for`` seconds of every ``off_every``, and captures nothing.

    ``nulls`` sends null-data for what is as in the row before, and for times one period
    from it. ``deltas`` sends numbers by their difference from the row before, whether the
    client negotiated that or not. ``compact`` sends a compact-array. ``selectors`` are the
    ways of selective access that work: 1 by range, 2 by entry. ``in_use`` is what
    entries_in_use says, None for the truth.
    """

    entries: int = 10_000
    period: int = 900
    since: float | None = None
    newest_first: bool = False
    ring_order: bool = False
    off_every: float = 0.0
    off_for: float = 0.0
    nulls: bool = False
    deltas: bool = False
    compact: bool = False
    selectors: tuple[int, ...] = (1, 2)
    in_use: int | None = None


@frozen
class ImageOptions:
    """``block_size`` and ``most`` (of a whole image) are octets; ``verifying`` and
    ``activating`` the seconds that these take, meanwhile the answer is temporary-failure.
    With ``sealed`` an image has to end with the SHA-256 digest of what is before it.
    """

    block_size: int = 200
    most: int = 4 << 20
    verifying: float = 0.0
    activating: float = 0.0
    sealed: bool = False


@frozen
class Equipment:
    """Of one model of meter. ``object_selectors`` are the ways of selective access to the object
    list of an association that work: 3 by objects."""

    clock: ClockOptions = field(factory=ClockOptions)
    profile: ProfileOptions = field(factory=ProfileOptions)
    image: ImageOptions = field(factory=ImageOptions)
    object_selectors: tuple[int, ...] = (3,)
