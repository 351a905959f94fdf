"""Load profiles over connections that break: every row once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from dlmsd.errors import (
    ClosedError,
    DlmsdError,
    LocalError,
    MeterError,
    RefusedError,
    ServiceError,
)
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import ProfileReading, read, read_through
from tests.meter.profiles import (
    DAY,
    HOUR,
    MIDNIGHT,
    OBIS,
    QUARTER,
    Held,
    ProfileCase,
    ProfileSession,
    numbers,
    series,
)


class BreakTests(ProfileCase):
    @given(
        shape=st.sampled_from(["fifo", "lifo", "ring", "any"]),
        number=st.integers(0, 60),
        refuses=st.sampled_from([(), (3,), (1,), (1, 2)]),
        breaks=st.lists(st.integers(0, 12), max_size=12),
        start=st.integers(-5, 65),
        length=st.integers(0, 70),
        block=st.integers(1, 400),
        doubled=st.sets(st.integers(0, 59)),
        in_use=st.sampled_from([None, 0, 20, 200]),
        random=st.randoms(use_true_random=False),
    )
    def test_each_row_once(
        self,
        shape: str,
        number: int,
        refuses: Sequence[int],
        breaks: list[int],
        start: int,
        length: int,
        block: int,
        doubled: set[int],
        in_use: int | None,
        random: Any,
    ) -> None:
        # A clock that was set back gives one time to two rows.
        held: list[Held] = [
            (moment - QUARTER if each in doubled else moment, each)
            for moment, each in series(number)
        ]
        if shape == "lifo":
            held.reverse()
        elif shape == "ring":
            held = held[number // 3 :] + held[: number // 3]
        elif shape == "any":
            random.shuffle(held)
        sort = {"lifo": 2, "any": 3}.get(shape, 1)
        session = ProfileSession(
            held, sort=sort, refuses=refuses, breaks=breaks, block=block, in_use=in_use
        )
        first = MIDNIGHT + start * QUARTER
        last = first + length * QUARTER
        rows = self.read(session, first, last)
        meant = Counter(each for moment, each in held if first <= moment <= last)
        self.assertEqual(Counter(numbers(rows)), meant)

    def test_a_ring_whose_ends_tell_one_time(self) -> None:
        first, last = series(60)[20:], series(20)
        first[0] = last[-1][0], 20
        session = ProfileSession(first + last, refuses=[1])
        rows = self.read(session, MIDNIGHT, MIDNIGHT + 2 * HOUR)
        self.assertEqual(sorted(numbers(rows)), list(range(9)))

    def test_a_ring_that_has_more_than_it_says_is_in_use(self) -> None:
        session = ProfileSession(series(60)[20:] + series(20), refuses=[1], in_use=20)
        rows = self.read(session, MIDNIGHT, MIDNIGHT + 2 * HOUR)
        self.assertEqual(sorted(numbers(rows)), list(range(9)))

    def test_it_goes_on_where_it_was(self) -> None:
        session = ProfileSession(series(1000), refuses=[1], breaks=[7, 8, 9])
        self.patch_rows(500)
        rows = self.read(session)
        self.assertEqual(numbers(rows), list(range(1000)))

    def test_a_connection_that_never_lasts_for_a_whole_range(self) -> None:
        self.patch_rows(100)
        session = ProfileSession(series(300), breaks=[60] * 40)
        rows = self.read(session, MIDNIGHT, MIDNIGHT + 4 * DAY)
        self.assertEqual(numbers(rows), list(range(300)))

    def test_the_way_changes_in_the_middle(self) -> None:
        session = ProfileSession(series(100), breaks=[4])

        def refuse() -> None:
            session.refuses |= {1} if len(session.asked) >= 3 and not session.breaks else set()
            session.refuses |= {2} if len(session.asked) >= 10 else set()

        session.meanwhile = refuse
        rows = self.read(session, MIDNIGHT, MIDNIGHT + DAY)
        self.assertEqual(numbers(rows), list(range(97)))
        self.assertEqual(set(session.asked), {1, 2, 0})

    def test_a_buffer_that_forgot_the_last_row(self) -> None:
        session = ProfileSession(series(100), breaks=[5], block=1)

        def forget() -> None:
            if not session.breaks:
                session.rows = series(100, MIDNIGHT + 300 * DAY)

        session.meanwhile = forget
        self.assertIn("no longer there", self.error_of(MeterError, session))


class ThroughTests(ProfileCase):
    """Over connections that break."""

    def through(self, session: ProfileSession, **options: Any) -> Any:
        self.clock = Clock()
        self.rows: list[ProfileRow] = []
        self.told: list[tuple[str, int, float]] = []
        self.visits = 0
        self.refusal: DlmsdError | None = None

        @asynccontextmanager
        async def connect() -> Any:
            self.visits += 1
            if self.refusal is not None:
                raise self.refusal
            yield session

        reading = ProfileReading(OBIS, MIDNIGHT, MIDNIGHT + DAY, self.rows.append)
        return Deferred.fromCoroutine(
            read_through(
                connect,
                reading,
                clock=self.clock,
                told=lambda error, failed, pause: self.told.append((str(error), failed, pause)),
                **options,
            )
        )

    def test_to_the_end(self) -> None:
        done = self.through(ProfileSession(series(200), breaks=[0, 0, 3, 0, 5]))
        self.clock.pump([1] * 60)
        self.successResultOf(done)
        self.assertEqual(numbers(self.rows), list(range(97)))
        self.assertEqual([failed for _, failed, _ in self.told], [1, 2, 1, 2, 1])
        self.assertEqual([pause for _, _, pause in self.told], [2.0, 4.0, 2.0, 4.0, 2.0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_for_ever(self) -> None:
        done = self.through(ProfileSession(series(200), breaks=[0] * 9), attempts=3)
        self.clock.pump([1] * 60)
        self.failureResultOf(done, ClosedError)
        self.assertEqual(self.visits, 3)

    def test_what_waiting_does_not_cure(self) -> None:
        for session in (ProfileSession([], refuses=[0, 1, 2]),):
            self.failureResultOf(self.through(session), ServiceError)
        done = self.through(ProfileSession(series(200), breaks=[3]))
        self.refusal = RefusedError("no")
        self.clock.pump([1] * 10)
        self.failureResultOf(done, RefusedError)
        self.assertEqual(self.visits, 2)

    def test_a_consumer_ends_it(self) -> None:
        def full(row: ProfileRow) -> None:
            raise LocalError("no room")

        session: Any = ProfileSession(series(5))
        ran = Deferred.fromCoroutine(read(session, OBIS, None, None, full))
        self.failureResultOf(ran, LocalError)
