"""Meters read again and again, in virtual time."""

from decimal import Decimal
from itertools import pairwise

from attrs import evolve

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import StoreError
from dlmsd.model import MeterState
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import (
    MICROSTAR,
    NO_LISTS,
    PLAIN,
    SMALL,
    WINDOW,
    WRAPPER,
)
from tests.meter.fleet import NAMES, START, FleetCase, wanted

KEYS = set(NAMES)


class CycleTests(FleetCase):
    def test_a_cycle_each_interval_from_start_to_start(self) -> None:
        self.simulate()
        self.read(self.options(interval=5.0))
        self.run_for(60.5)
        self.assertEqual(len(self.readings), 13)
        ts = [reading.ts for reading in self.readings]
        gaps = {later - earlier for earlier, later in pairwise(ts[1:])}
        self.assertTrue(gaps <= {4999, 5000, 5001}, gaps)
        self.assertEqual(set(self.readings[0].values), KEYS)

    def test_values_are_those_that_the_meter_answered(self) -> None:
        self.simulate()
        self.read(self.options())
        self.run_for(30)
        answered = [
            {obis: Decimal(raw) for obis, attribute, raw in entry.results if attribute == 2}
            for entry in self.record
            if entry.results[0][1] == 2
        ]
        read = [
            {
                "1-1:32.7.0": reading.values["voltage_l1"] * 10,
                "1-1:31.7.0": reading.values["current_l1"] * 1000,
                "1-1:14.7.0": reading.values["frequency"] * 100,
                "1-1:1.7.0": reading.values["active_power"],
                "1-1:1.8.0": reading.values["active_energy"],
            }
            for reading in self.readings
        ]
        self.assertEqual(read, answered)
        self.assertEqual(len(read), 6)

    def test_scalers_are_read_once(self) -> None:
        self.simulate()
        self.read(self.options())
        self.run_for(60)
        scaler_reads = [entry for entry in self.record if entry.results[0][1] == 3]
        self.assertEqual(len(scaler_reads), 1)
        self.assertEqual(self.statuses["virtual-001"].units["voltage_l1"], "V")

    def test_a_readings_time_is_that_of_its_values_whatever_their_scales_take(self) -> None:
        self.network.delay = 0.5
        self.simulate(personality=NO_LISTS)
        self.read(self.options(interval=60.0))
        self.run_for(30)
        answered = [entry.t for entry in self.record if entry.results[0][1] == 2]
        ts = self.readings[0].ts / 1000
        # Each answer is given half way between its request and its arrival.
        self.assertAlmostEqual(ts, (answered[0] + answered[-1]) / 2, delta=0.01)
        self.assertGreater(answered[-1] - answered[0], 3.0)

    def test_timestamps_never_repeat_below_what_the_store_has(self) -> None:
        self.simulate()
        ahead = int((START + 3600) * 1000)
        self.read(self.options(), last_ts={"virtual-001": ahead})
        self.run_for(20)
        ts = [reading.ts for reading in self.readings]
        self.assertEqual(ts, [ahead + 1, ahead + 2, ahead + 3, ahead + 4])

    def test_every_reads_a_slow_register_seldom(self) -> None:
        self.simulate()
        slow = (wanted("voltage_l1"), wanted("active_energy", every=60.0))
        self.read(self.options(read=slow))
        self.run_for(182)
        with_energy = [r for r in self.readings if "active_energy" in r.values]
        self.assertEqual(len(self.readings), 37)
        self.assertEqual(len(with_energy), 4)

    def test_slots_that_pass_during_a_long_cycle_are_missed_not_queued(self) -> None:
        self.simulate(personality=evolve(MICROSTAR, response_delay=2.5))
        self.read(self.options(interval=1.0, timeout=4.0))
        self.run_for(60)
        status = self.statuses["virtual-001"]
        self.assertGreaterEqual(status.missed, 30)
        self.assertEqual(status.failed, 0)
        self.assertEqual(status.good, len(self.readings))
        self.assertLessEqual(len(self.readings), 21)

    def test_an_absent_object_is_absent_and_told(self) -> None:
        self.simulate()
        nowhere = AttributeDescriptor(3, Obis.parse("1-1:99.99.9"), 2)
        missing = evolve(wanted("voltage_l1"), name="ghost", key="ghost", attribute=nowhere)
        self.read(self.options(read=(wanted("voltage_l1"), missing)))
        self.run_for(12)
        self.assertEqual(set(self.readings[0].values), {"voltage_l1"})
        self.assertIn("ghost", self.statuses["virtual-001"].absent)
        self.assertEqual(self.statuses["virtual-001"].failed, 0)

    def test_what_the_meter_refuses_is_asked_for_more_and_more_seldom(self) -> None:
        """One object that it has not, and one that this client may not read."""
        reader = evolve(MICROSTAR.clients[0], sees=("1-1:32.7.0", "1-1:99.99.9"))
        self.simulate(personality=evolve(MICROSTAR, clients=(reader,)))
        nowhere = AttributeDescriptor(3, Obis.parse("1-1:99.99.9"), 2)
        missing = evolve(wanted("voltage_l1"), name="ghost", key="ghost", attribute=nowhere)
        read = (wanted("voltage_l1"), missing, wanted("frequency"))
        self.read(self.options(read=read))
        self.run_for(600)
        asked = [
            code for entry in self.record for code, attribute, _ in entry.results if attribute == 2
        ]
        self.assertGreater(asked.count("1-1:32.7.0"), 100)
        for code in ("1-1:99.99.9", "1-1:14.7.0"):
            self.assertIn(asked.count(code), range(4, 8))
        status = self.statuses["virtual-001"]
        self.assertEqual(set(status.absent), {"ghost", "frequency"})
        self.assertEqual(status.failed, 0)

    def test_each_personality_is_read(self) -> None:
        for personality in (MICROSTAR, PLAIN, WRAPPER, NO_LISTS, SMALL, WINDOW):
            with self.subTest(personality=personality.name):
                self.setUp()
                self.simulate(personality=personality)
                (options,) = self.options(
                    framing=personality.framing, address_size=personality.address_size
                )
                self.read([options])
                self.run_for(21)
                self.assertGreaterEqual(len(self.readings), 4)
                self.assertEqual(set(self.readings[-1].values), KEYS)
                self.end()

    def test_a_refused_list_is_remembered(self) -> None:
        self.simulate(personality=NO_LISTS)
        self.read(self.options())
        self.run_for(60)
        lists = [entry for entry in self.record if len(entry.results) > 1]
        self.assertEqual(lists, [])
        self.assertEqual(len(self.readings), 12)


class ObstacleTests(FleetCase):
    def test_no_meter_is_read_while_nothing_can_be_kept(self) -> None:
        """Neither asked nor counted as failed; the next slot after it reads."""
        self.simulate()
        self.read(self.options(interval=5.0))
        self.run_for(12)
        read, asked = len(self.readings), len(self.record)
        self.obstacle = StoreError("the disk is full; no meter is read until there is space")
        self.run_for(60)
        (status,) = self.statuses.values()
        self.assertEqual((len(self.readings), len(self.record)), (read, asked))
        self.assertEqual((status.state, status.failed), (MeterState.WAITING, 0))
        self.assertIn("the disk is full", status.error)
        self.obstacle = None
        self.run_for(6)
        self.assertGreater(len(self.readings), read)
        (status,) = self.statuses.values()
        self.assertEqual((status.state, status.error), (MeterState.READING, ""))

    def test_who_is_read_seldom_does_not_wait_for_its_slot(self) -> None:
        self.simulate(meters=2)
        one, other = self.options(interval=600.0)
        self.read([one, evolve(other, interval=900.0)])
        self.run_for(30)
        self.obstacle = StoreError("the disk is full; no meter is read until there is space")
        self.run_for(820)
        for pipe in self.network.connections:  # they have ended what was idle
            pipe.abortConnection()
        self.run_for(1)
        self.obstacle = None
        read = len(self.readings)
        assert self.fleet is not None
        self.fleet.resume()
        self.run_for(5)
        told = [reading.meter for reading in self.readings[read:]]
        self.assertEqual(told, [one.name], "and who missed nothing waits for its own")
        self.run_for(640)
        told = [reading.meter for reading in self.readings[read + 1 :]]
        self.assertEqual(sorted(told), sorted([one.name, other.name]), "each once in its interval")


class StopTests(FleetCase):
    def test_stop_says_goodbye_and_is_quick(self) -> None:
        self.simulate(meters=3)
        self.read(self.options())
        self.run_for(7)
        self.assertLess(self.stop(), 0.2)

    def test_stop_in_the_middle_of_a_cycle(self) -> None:
        self.simulate()
        self.read(self.options())
        self.run_for(0.02)
        self.assertLess(self.stop(), 1.5)

    def test_stop_with_many_silent_meters_behind_one_gateway(self) -> None:
        self.simulate(meters=30, gateway=True)
        self.read(self.options())
        self.run_for(20)
        self.simulation.inject([Fault(FaultKind.SILENCE, chance=1.0)])
        self.run_for(2)
        self.assertLess(self.stop(), 3.0)

    def test_stop_while_connecting(self) -> None:
        self.simulate()
        (options,) = self.options()
        self.network.silent.add(options.port)
        self.read([options])
        self.run_for(3)
        self.assertLess(self.stop(), 0.1)
