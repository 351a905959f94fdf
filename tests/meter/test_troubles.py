"""A meter that cannot be read: tried for ever, its cause told, its neighbours not delayed."""

from twisted.internet.defer import Deferred, fail, succeed

from dlmsd.errors import StoreError
from dlmsd.model import MeterState
from dlmsd.secret import Secret
from dlmsd.simulator.faults import WRAPPER_ONLY, Fault, FaultKind
from dlmsd.simulator.personality import GBT_WRAPPER
from tests.meter.fleet import FleetCase


class TroubleTests(FleetCase):
    def test_an_unreachable_meter_is_tried_for_ever_and_read_when_it_comes(self) -> None:
        self.simulate()
        (options,) = self.options()
        port, factory = options.port, self.network.listening.pop(options.port)
        self.read([options])
        self.run_for(600)
        status = self.statuses["virtual-001"]
        self.assertEqual(status.good, 0)
        self.assertEqual(status.error, "connection refused")
        self.assertIn("address", status.advice)
        self.assertEqual(status.recent, 0.0)
        self.network.listening[port] = factory
        self.run_for(310)
        self.assertIs(self.statuses["virtual-001"].state, MeterState.READING)
        self.assertEqual(self.statuses["virtual-001"].error, "")

    def test_a_wrong_password_waits_so_that_the_meter_does_not_lock(self) -> None:
        self.simulate()
        self.read(self.options(password=Secret("mistaken")))
        self.run_for(3600)
        aarqs = sum(status.state is MeterState.ASSOCIATING for status in self.history)
        self.assertLessEqual(aarqs, 4)
        self.assertIs(self.statuses["virtual-001"].state, MeterState.WAITING)
        self.assertIn("authentication", self.statuses["virtual-001"].error)
        self.assertNotIn("mistaken", str(self.history))

    def test_the_pause_after_a_refusal_ends_with_it(self) -> None:
        self.simulate()
        self.simulation.inject([Fault(FaultKind.REFUSE, chance=1.0)])
        self.read(self.options())
        self.run_for(60)
        self.assertIs(self.statuses["virtual-001"].state, MeterState.WAITING)
        self.simulation.inject([Fault(FaultKind.SILENCE, chance=1.0)])
        self.run_for(900)
        self.assertIn("no answer", self.statuses["virtual-001"].error)
        self.simulation.inject([])
        # The factory's own delay of at most five minutes, and a cycle.
        self.run_for(320)
        self.assertIs(self.statuses["virtual-001"].state, MeterState.READING)

    def test_a_password_in_segments_is_not_shown_either(self) -> None:
        for size in range(33, 50):
            shown: list[bytes] = []
            self.setUp()
            self.trace = lambda direction, octets, shown=shown: shown.append(octets)
            self.simulate()
            self.read(self.options(max_info=size, password=Secret("abcdefghijklmnop")))
            self.run_for(2)
            self.assertGreater(len(shown), 4)
            for octets in shown:
                for start in range(13):
                    self.assertNotIn(b"abcdefghijklmnop"[start : start + 4], octets, size)
            self.end()

    def test_one_silent_meter_does_not_delay_the_others(self) -> None:
        self.simulate(meters=5)
        self.simulation.inject([Fault(FaultKind.SILENCE, chance=1.0)], "virtual-003")
        self.read(self.options())
        self.run_for(120)
        good = {name: status.good for name, status in self.statuses.items()}
        self.assertEqual(good.pop("virtual-003"), 0)
        self.assertEqual(set(good.values()), {24})

    def test_a_silent_meter_behind_a_gateway_costs_its_neighbours_little(self) -> None:
        self.simulate(meters=4, gateway=True)
        self.simulation.inject([Fault(FaultKind.SILENCE, chance=1.0)], "virtual-003")
        self.read(self.options(interval=10.0, timeout=2.0))
        self.run_for(1800)
        for name in ("virtual-001", "virtual-002", "virtual-004"):
            self.assertGreaterEqual(self.statuses[name].good, 175, name)
        self.assertEqual(len(self.network.connections), 1)

    def test_a_gateway_has_one_connection_and_one_request_at_a_time(self) -> None:
        turns: list[str] = []
        self.trace = lambda direction, octets: turns.append(direction)
        self.simulate(meters=4, gateway=True)
        self.read(self.options())
        self.run_for(60)
        self.assertEqual(turns, ["sent", "received"] * (len(turns) // 2))
        self.assertEqual(len(self.network.connections), 1)
        self.assertEqual({status.good for status in self.statuses.values()}, {12})

    def test_every_fault_is_survived(self) -> None:
        for kind in FaultKind:
            with self.subTest(fault=kind.value):
                self.setUp()
                if kind in WRAPPER_ONLY:
                    self.simulate(personality=GBT_WRAPPER)
                    self.read(self.options(framing="wrapper", gbt_window=3))
                else:
                    self.simulate()
                    self.read(self.options())
                self.run_for(11)
                self.assertEqual(len(self.readings), 3)
                self.simulation.inject([Fault(kind, chance=0.3)])
                self.run_for(300)
                during = len(self.readings)
                self.simulation.inject([])
                self.run_for(1200)
                self.assertGreater(len(self.readings), during + 50)
                self.assertIs(self.statuses["virtual-001"].state, MeterState.READING)
                self.assert_all_were_answered()
                self.end()

    def assert_all_were_answered(self) -> None:
        """No value was made up: each was in an answer of the meter."""
        answered = {
            raw for entry in self.record for obis, attribute, raw in entry.results if attribute == 2
        }
        for reading in self.readings:
            self.assertIn(str(reading.values["active_energy"]), answered)

    def test_a_reading_that_is_not_kept_is_not_counted(self) -> None:
        self.simulate()
        self.answer = lambda reading: fail(StoreError("disk full"))
        self.read(self.options())
        self.run_for(21)
        status = self.statuses["virtual-001"]
        self.assertEqual((status.good, status.failed), (0, 5))
        self.assertIsNone(status.reading)
        self.assertEqual(status.error, "disk full")

    def test_a_reading_is_not_shown_before_it_is_kept(self) -> None:
        self.simulate()
        kept = Deferred[None]()
        self.answer = lambda reading: kept
        self.read(self.options())
        self.run_for(3)
        self.assertEqual(len(self.readings), 1)
        self.assertIsNone(self.statuses["virtual-001"].reading)
        kept.callback(None)
        self.assertEqual(self.statuses["virtual-001"].reading, self.readings[0])

    def test_a_reading_that_is_kept_late_ends_no_trouble_that_came_since(self) -> None:
        self.simulate()
        kept = Deferred[None]()
        self.answer = lambda reading: kept
        self.read(self.options(interval=60.0))
        self.run_for(3)
        self.simulation.inject([Fault(FaultKind.REFUSE, chance=1.0)], "virtual-001")
        for pipe in self.network.connections:
            pipe.abortConnection()
        self.run_for(60)
        refused = self.statuses["virtual-001"]
        kept.callback(None)
        status = self.statuses["virtual-001"]
        self.assertEqual((status.reading, status.good), (self.readings[0], 1))
        self.assertIsNot(status.state, MeterState.READING)
        self.assertEqual(
            (status.state, status.error, status.next_attempt_ts),
            (refused.state, refused.error, refused.next_attempt_ts),
        )
        self.assertIn("password", status.error)
        self.simulation.inject([], "virtual-001")
        self.answer = lambda reading: succeed(None)
        self.run_for(1000)
        status = self.statuses["virtual-001"]
        self.assertEqual((status.state, status.error), (MeterState.READING, ""))

    def test_the_meter_that_drops_an_idle_link_is_read_again(self) -> None:
        self.simulate()
        self.read(self.options(interval=400.0))
        self.run_for(4000)
        self.assertGreaterEqual(len(self.readings), 10)

    def test_an_inactive_meter_is_left_alone(self) -> None:
        self.simulate()
        self.read(self.options(status="inactive"))
        self.run_for(60)
        self.assertEqual(self.network.attempts, [])
        self.assertIs(self.statuses["virtual-001"].state, MeterState.INACTIVE)
