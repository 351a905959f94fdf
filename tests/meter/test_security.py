"""A meter's counters: up, never down, and never beyond what anybody could have reached."""

from random import Random
from types import SimpleNamespace

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.security.errors import CounterJumpError
from dlmsd.errors import LocalError, StoreError
from dlmsd.meter.security import BLOCK, MeterSecurity, secured
from dlmsd.secret import Secret
from tests.meter.fleet import MemoryCounters

METER = MeterOptions(
    name="a",
    host="h",
    profile="p",
    device_name="a",
    read=(),
    authentication="high-gmac",
    security="authenticated-encrypted",
    system_title=b"DLMSDCLT",
    encryption_key=Secret(bytes(16)),
    authentication_key=Secret(bytes(range(16))),
)


class CounterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryCounters()
        self.security = MeterSecurity(METER, self.store, Random(1).randbytes)
        self.wait(self.security.refill())

    def wait(self, work: object) -> object:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def test_what_the_meter_tells_only_lifts_them(self) -> None:
        self.assertTrue(self.wait(self.security.rise_above(5000)))
        for lower in (0, 4999, 5000):
            self.assertFalse(self.wait(self.security.rise_above(lower)))
        self.assertEqual(list(self.store.reserved.values()), [5001 + BLOCK])

    def test_an_absurd_one_is_refused_and_moves_nothing(self) -> None:
        for absurd in (1 << 31, 0xFFFFFFFF):
            told = Deferred.fromCoroutine(self.security.rise_above(absurd))
            self.failureResultOf(told, CounterJumpError)
        self.assertEqual(list(self.store.reserved.values()), [BLOCK])

    def test_fresh_until_the_first_is_drawn(self) -> None:
        self.assertTrue(self.security.fresh)
        association = self.wait(self.security.association(ShortNames()))
        association.associate()
        self.assertFalse(self.security.fresh)

    def test_two_meters_with_one_key_never_share_a_number(self) -> None:
        other = MeterSecurity(METER, self.store, Random(2).randbytes)
        self.wait(other.refill())
        self.assertFalse(other.fresh)
        self.assertEqual(list(self.store.reserved.values()), [2 * BLOCK])

    def draw(self, count: int) -> list[int]:
        """So many numbers within one request."""
        assert self.security._transmit is not None
        return [self.security._transmit.draw() for _ in range(count)]

    def test_one_long_answer_may_want_more_than_a_block(self) -> None:
        drawn: list[int] = []
        for _ in range(3 * BLOCK):
            drawn += self.draw(1)
            # Never one that is not on disk: after a kill nobody has it again.
            self.assertLess(drawn[-1], *self.store.reserved.values())
        self.assertEqual(drawn, list(range(3 * BLOCK)))
        heir = MeterSecurity(METER, self.store, Random(3).randbytes)
        self.wait(heir.refill())
        assert heir.counters is not None
        self.assertGreater(heir.counters.next, drawn[-1])

    def test_a_slow_disk_is_asked_once_and_what_it_has_not_given_is_not_drawn(self) -> None:
        asked: list[Deferred[tuple[int, int]]] = []

        def slow(*given: object) -> Deferred[tuple[int, int]]:
            asked.append(Deferred())
            return asked[-1]

        self.patch(self.store, "reserve_counters", slow)
        self.assertEqual(self.draw(BLOCK), list(range(BLOCK)))
        self.assertEqual(len(asked), 1)
        self.assertRaises(LocalError, self.draw, 1)
        asked[0].callback((BLOCK, 2 * BLOCK))
        self.assertEqual(self.draw(1), [BLOCK])

    def test_a_full_disk_is_told_to_who_asks_next(self) -> None:
        self.patch(self.store, "reserve_counters", lambda *given: fail(StoreError("full")))
        self.draw(BLOCK)
        self.assertRaises(LocalError, self.draw, 1)
        self.failureResultOf(Deferred.fromCoroutine(self.security.refill()), StoreError)

    def test_passwords_need_none_of_it(self) -> None:
        for authentication in ("none", "low"):
            meter = SimpleNamespace(security="none", authentication=authentication)
            self.assertIsNone(secured(meter, self.store, Random(1).randbytes))
