"""Metrics: a minute counts in its hour and its day, and what is old goes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from dlmsd.store import metrics
from dlmsd.store.metrics import KEEP, Figures, Span
from tests.store.registry_case import RegistryCase

MINUTE, HOUR, DAY = (int(span) for span in Span)
START = 1_800_000_000_000 - 1_800_000_000_000 % DAY

COUNT = st.integers(0, 1000)
FIGURES = st.builds(
    Figures,
    good=COUNT,
    failed=COUNT,
    timed=COUNT,
    read_ms=COUNT,
    least_ms=st.none() | COUNT,
    most_ms=st.none() | COUNT,
    delivered=COUNT,
    queued=COUNT,
)


def summed(all_figures: list[Figures]) -> Figures:
    """As a reader of the schema would add them up."""
    total = Figures()
    for one in all_figures:
        shortest = [ms for ms in (total.least_ms, one.least_ms) if ms is not None]
        longest = [ms for ms in (total.most_ms, one.most_ms) if ms is not None]
        total = evolve(
            total,
            good=total.good + one.good,
            failed=total.failed + one.failed,
            timed=total.timed + one.timed,
            read_ms=total.read_ms + one.read_ms,
            least_ms=min(shortest, default=None),
            most_ms=max(longest, default=None),
            delivered=total.delivered + one.delivered,
            queued=one.queued,
        )
    return total


class MetricsTests(RegistryCase):
    def write(self, at: int, *figures: tuple[int, Figures]) -> None:
        self.done(self.registry.metrics.write(at, figures))

    def of(self, meter: int, span: Span, since: int, until: int) -> list[tuple[int, Figures]]:
        rows = self.done(self.registry.metrics.of(meter, span, since, until))
        return [(row.at, row.figures) for row in rows]

    def rows(self, span: int) -> int:
        ((count,),) = self.look("SELECT count(*) FROM metrics WHERE span = ?", span)
        return int(count)

    @given(st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(1, 3), FIGURES), max_size=30))
    @settings(max_examples=40)
    def test_every_resolution_is_the_sum_of_its_minutes(self, written: list[Any]) -> None:
        self.look("DELETE FROM metrics")  # of the example before
        written.sort(key=lambda one: one[0] // MINUTE)
        expected: dict[Any, list[Figures]] = defaultdict(list)
        for at, meter, figures in written:
            self.write(START + at, (meter, figures))
            for span in (Span.HOUR, Span.DAY):
                expected[span, meter, START + at - at % span].append(figures)
        for span in (Span.HOUR, Span.DAY):
            found = {
                (span, meter, at): figures
                for meter in (1, 2, 3)
                for at, figures in self.of(meter, span, 0, START * 2)
            }
            wanted = {k: summed(v) for k, v in expected.items() if k[0] is span}
            self.assertEqual(found, wanted)

    def test_range(self) -> None:
        for minute in range(5):
            self.write(
                START + minute * MINUTE + 17, (7, Figures(good=minute)), (8, Figures(good=1))
            )
        found = self.of(7, Span.MINUTE, START + 1, START + 4 * MINUTE)
        self.assertEqual(
            [(at - START, f.good) for at, f in found], [(m * MINUTE, m) for m in (1, 2, 3)]
        )
        self.assertEqual(self.of(9, Span.MINUTE, 0, START * 2), [])
        everyone = self.done(self.registry.metrics.all(Span.MINUTE, START, START + 2 * MINUTE))
        self.assertEqual([row.figures.good for row in everyone], [1, 2])
        each = self.done(self.registry.metrics.each(Span.MINUTE, START, START + DAY))
        self.assertEqual({meter: one.good for meter, one in each.items()}, {7: 10, 8: 5})

    def test_rates(self) -> None:
        figures = Figures(good=3, failed=1, timed=3, read_ms=450)
        self.assertEqual((figures.average_ms, figures.success), (150.0, 0.75))
        self.assertEqual((Figures().average_ms, Figures().success), (None, None))

    def test_ten_years_stay_within_their_bounds(self) -> None:
        """A row each 6 h: of minutes 48 h are left, of hours 60 days, of days 5 years."""
        end = START + 3650 * DAY
        for at in range(START, end, 6 * HOUR):
            self.write(at, (1, Figures(good=1)))
        last = end - 6 * HOUR
        for span in Span:
            oldest = self.look("SELECT min(at) FROM metrics WHERE span = ?", int(span))[0][0]
            self.assertGreaterEqual(oldest, last - KEEP[span])
        self.assertEqual(self.rows(MINUTE), 9)
        self.assertEqual(self.rows(HOUR), 60 * 4 + 1)
        self.assertEqual(self.rows(DAY), 1827)
        days = self.of(1, Span.DAY, 0, end)
        self.assertEqual({figures.good for _, figures in days}, {4})

    def test_a_clock_set_back_adds(self) -> None:
        self.write(START, (1, Figures(good=1, least_ms=5)))
        self.write(START + HOUR, (1, Figures(good=1)))
        self.write(START, (1, Figures(good=2, least_ms=9)))
        self.assertEqual(
            self.of(1, Span.MINUTE, START, START + 1), [(START, Figures(good=3, least_ms=5))]
        )

    def test_a_long_stop_is_forgotten_slice_by_slice(self) -> None:
        self.patch(metrics, "_SLICE", 10)
        for minute in range(30):
            self.write(START + minute * MINUTE, (1, Figures(good=1)))
        for later, left in ((0, 20), (1, 10), (2, 2)):
            self.write(START + 100 * DAY + later, (1, Figures()))
            self.assertLessEqual(self.rows(MINUTE), left + 1)
