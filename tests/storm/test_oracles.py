"""A bug put in on purpose is seen by the judge of the storms."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.meter.factory import MeterFactory
from dlmsd.meter.gaps import GapKeeper
from dlmsd.meter.harvest import Harvest
from dlmsd.meter.poller import Poller
from dlmsd.meter.scaling import Scale
from dlmsd.publish.courier import Courier
from dlmsd.publish.thingsboard import GatewayDialect
from dlmsd.store.counters import Change
from dlmsd.store.ledger import Ledger
from tests.storm.run import storm
from tests.storm.world import Size

SHORT = Size(meters=10, hours=0.25)
BUSY = Size(interval=5.0, hours=0.5)


class OracleCase(SynchronousTestCase):
    def broken(self, size: Size = SHORT) -> str:
        """What the first storm that broke a promise broke."""
        for seed in range(1, 20):
            found = storm(seed, size).figures.violations
            if found:
                return "\n".join(found[:10])
        return ""


class DeliveryOracleTests(OracleCase):
    def test_delivered_before_it_was_acknowledged(self) -> None:
        send = Courier._send

        def eager(self: Any, session: Any, message: Any, ids: tuple[int, ...]) -> None:
            send(self, session, message, ids)
            self._outbox.delivered(ids)

        self.patch(Courier, "_send", eager)
        self.assertIn("the broker never took it", self.broken(BUSY))

    def test_delivered_although_it_was_refused(self) -> None:
        unheeding = Courier.acknowledged

        def content(self: Any, acknowledgements: Any) -> bool:
            return unheeding(self, [(number, 0) for number, _ in acknowledgements])

        self.patch(Courier, "acknowledged", content)
        self.assertIn("the broker never took it", self.broken(BUSY))

    def test_told_as_read_before_the_commit(self) -> None:
        commit = Ledger.commit

        def late(self: Any, batch: Any, *rest: Any) -> Any:
            most = batch.waiting[:-1] if len(batch.waiting) > 3 else batch.waiting
            return commit(self, evolve(batch, waiting=most), *rest)

        self.patch(Ledger, "commit", late)
        self.assertIn("never arrived", self.broken())

    def test_a_restart_forgets_what_waits_for_the_second_sink(self) -> None:
        begin = Ledger.__init__

        def forgetful(self: Any, *given: Any) -> None:
            begin(self, *given)
            self.database.execute(
                "UPDATE deliveries SET delivered_at = 1 "
                "WHERE delivered_at IS NULL AND sink > (SELECT min(sink) FROM deliveries)"
            )

        self.patch(Ledger, "__init__", forgetful)
        self.assertNotEqual(self.broken(BUSY), "")

    def test_a_backlog_that_goes_to_another_device(self) -> None:
        device = GatewayDialect._device
        last: list[Any] = []

        def stuck(self: Any, meter: str) -> Any:
            found = device(self, meter)
            if meter.endswith("002") and last:
                return last[-1]
            last.append(found)
            return found

        self.patch(GatewayDialect, "_device", stuck)
        self.assertNotEqual(self.broken(), "")


class ReadingOracleTests(OracleCase):
    def values(self, change: Callable[[Any, Any], Any]) -> None:
        """What a reading has becomes what ``change`` makes of the harvest and it."""
        reading = Harvest._reading
        self.patch(
            Harvest,
            "_reading",
            lambda harvest, values, at: reading(harvest, change(harvest, values), at),
        )

    def test_a_value_that_was_made_up(self) -> None:
        value = Scale.value

        def wrong(self: Any, data: Any) -> Any:
            told = value(self, data)
            return told + 1 if data.value == 0 or str(data.value).endswith("7") else told

        self.patch(Scale, "value", wrong)
        self.assertIn("never answered", self.broken())

    def test_a_digit_too_many(self) -> None:
        self.values(lambda _, values: {key: one + Decimal("1E-9") for key, one in values.items()})
        self.assertIn("never answered", self.broken())

    def test_the_values_of_the_cycle_before(self) -> None:
        def stale(harvest: Any, values: Any) -> Any:
            before = getattr(harvest, "before", values)
            harvest.before = values
            return before

        self.values(stale)
        self.assertIn("was not answered within", self.broken())

    def test_every_second_reading_is_thrown_away(self) -> None:
        read = Harvest.read

        def half(self: Any, *given: Any) -> None:
            self.half = not getattr(self, "half", False)
            if self.half:
                read(self, *given)

        self.patch(Harvest, "read", half)
        self.assertIn("in good weather", self.broken())

    def test_one_measurement_alone_behind_a_broken_connection(self) -> None:
        opened = Poller._open

        async def fewer(self: Any) -> Any:
            if getattr(self, "opened", False):
                self._cycle._read = self._cycle._read[:1]
            self.opened = True
            return await opened(self)

        self.patch(Poller, "_open", fewer)
        self.assertIn("0 whole readings", self.broken())

    def test_a_meter_that_is_left_alone_for_forty_minutes(self) -> None:
        self.patch(MeterFactory, "_backoff", lambda self: 2400.0)
        self.assertRegex(self.broken(), "is (waiting|connecting|disconnected|down)")

    def test_a_gap_that_nobody_tells_of(self) -> None:
        def silent(self: Any, now: Any, cause: Any = None) -> None:
            self._lasts = True

        self.patch(GapKeeper, "_begin", silent)
        self.assertIn("no gap tells of", self.broken())

    def test_a_timestamp_used_twice(self) -> None:
        self.patch(Change, "add_reading", lambda self, meter, ts: None)
        self.patch(Ledger, "last_ts", lambda self: {})
        self.assertNotEqual(self.broken(), "")
