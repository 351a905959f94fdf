"""Meters on a serial line, and behind an optical head, in virtual time."""

from __future__ import annotations

import os
import termios
from typing import Any

from serial import Serial
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import PortError
from dlmsd.meter import serial
from dlmsd.meter.serial import Port, SerialWay
from dlmsd.model import MeterState
from dlmsd.simulator import serial as simulated
from dlmsd.simulator.medium import Medium
from tests.cable import Cable
from tests.meter.fleet import NAMES, FleetCase

METER = "virtual-001"


class SerialCase(FleetCase):
    optical = False

    def plug(self, meters: int = 1, *, echo: bool = False, **changes: Any) -> None:
        """A fleet, a cable, virtual meters."""
        self.cable = Cable(self.network, echo=echo)
        self.patch(serial, "open_port", self.cable.open_port)
        self.patch(simulated, "open_terminal", self.cable.open_terminal)
        self.simulate(meters, medium=Medium("serial", optical=self.optical), gateway=meters > 1)
        self.read(self.options(**changes))

    def end(self) -> None:
        super().end()
        self.assertIsNone(self.cable.port)


class SerialTests(SerialCase):
    def test_one_meter(self) -> None:
        self.plug()
        self.run_for(60)
        status = self.statuses[METER]
        self.assertEqual((status.good, status.failed, status.connects), (12, 0, 1))
        self.assertEqual(set(self.readings[0].values), set(NAMES))
        self.assertEqual(status.address, Cable.path)
        self.assertEqual(self.cable.rates, [9600])

    def test_several_take_turns(self) -> None:
        self.plug(4, interval=15.0)
        self.run_for(60)
        self.assertEqual({one.good for one in self.statuses.values()}, {4})
        self.assertEqual({one.failed for one in self.statuses.values()}, {0})
        self.assertEqual(self.cable.opened, 1)

    def test_our_own_echo_is_nothing(self) -> None:
        self.plug(2, echo=True, interval=10.0)
        self.run_for(120)
        self.assertEqual({one.failed for one in self.statuses.values()}, {0})
        self.assertEqual(self.cable.opened, 1)

    def test_another_rate(self) -> None:
        self.plug(baudrate=1200)
        self.run_for(30)
        self.assertEqual(self.cable.rates, [1200])
        self.assertGreater(self.statuses[METER].good, 1)

    def test_a_device_that_goes_and_comes(self) -> None:
        self.plug()
        self.run_for(12)
        self.cable.pull()
        self.assertEqual(self.statuses[METER].error, f"{Cable.path} is gone")
        self.run_for(600)
        self.assertEqual(self.statuses[METER].error, f"{Cable.path}: No such file or directory")
        self.assertIn("check device", self.statuses[METER].advice)
        self.assertLess(self.statuses[METER].connects, 12)
        self.cable.plugged = True
        self.run_for(330)
        self.assertEqual(self.statuses[METER].state, MeterState.READING)

    def test_a_device_that_fails_while_it_is_opened(self) -> None:
        self.plug()
        self.run_for(12)
        good = self.statuses[METER].good

        def fail(*arguments: Any, **options: Any) -> None:
            raise termios.error(5, "Input/output error")

        self.patch(serial, "open_port", fail)
        assert self.cable.port is not None
        self.cable.port.abort()
        self.run_for(20)
        self.assertEqual(self.statuses[METER].error, f"{Cable.path}: Input/output error")
        self.patch(serial, "open_port", self.cable.open_port)
        self.run_for(60)
        self.assertEqual(self.statuses[METER].state, MeterState.READING)
        self.assertGreater(self.statuses[METER].good, good + 5)

    def test_stopped_without_a_device(self) -> None:
        self.plug()
        self.cable.pull()
        self.run_for(3)
        self.assertLess(self.stop(), 1)


class OpticalTests(SerialCase):
    optical = True

    def plug(self, meters: int = 1, *, echo: bool = False, **changes: Any) -> None:
        super().plug(meters, echo=echo, opening="mode-e", **changes)

    def test_opened_then_read_over_and_over(self) -> None:
        for echo in (False, True):
            with self.subTest(echo=echo):
                self.setUp()
                self.plug(echo=echo)
                self.run_for(60)
                status = self.statuses[METER]
                self.assertEqual((status.failed, status.connects), (0, 1))
                self.assertGreater(status.good, 8)
                self.assertEqual(self.cable.rates, [300, 9600])
                self.end()
                self.fleet = None

    def test_the_rate_has_a_ceiling(self) -> None:
        self.plug(baudrate=4800)
        self.run_for(60)
        self.assertEqual(self.cable.rates, [300, 4800])
        self.assertGreater(self.statuses[METER].good, 8)

    def test_nobody_answers(self) -> None:
        self.plug()
        self.cable.to_meters = lambda octets: None  # type: ignore[method-assign]
        self.run_for(60)
        self.assertIn("no answer to the opening request", self.statuses[METER].error)
        self.assertEqual(self.readings, [])

    def test_a_meter_that_returns_to_its_opening_is_opened_again(self) -> None:
        self.plug()
        self.run_for(20)
        ((line, _),) = self.simulation._listening
        line.loseConnection()
        self.run_for(60)
        self.assertEqual(self.statuses[METER].state, MeterState.READING)
        self.assertEqual(self.cable.opened, 2)

    def test_a_rare_reading_opens_anew_and_is_no_trouble(self) -> None:
        self.plug(interval=900.0)
        self.run_for(4 * 900 - 60)
        status = self.statuses[METER]
        self.assertEqual((status.good, status.failed, status.missed), (4, 0, 0))
        self.assertEqual({one.error for one in self.history}, {""})
        self.assertEqual(self.cable.opened, 4)

    def test_stopped_in_the_middle_of_the_opening(self) -> None:
        self.plug()
        self.run_for(0.5)
        self.assertLess(self.stop(), 1)


class Refusals:
    """What an attempt tells its factory, on a reactor that cannot watch one more file."""

    def __init__(self) -> None:
        self.reasons: list[BaseException] = []

    def clientConnectionFailed(self, connector: object, reason: Any) -> None:
        self.reasons.append(reason.value)

    def addReader(self, reader: object) -> None:
        raise OSError(28, "No space left on device")


class PortTests(SynchronousTestCase):
    """The real port, on a pseudo-terminal that is as good as any until it is used."""

    def test_what_fails_when_it_is_open_already_leaves_nothing_open(self) -> None:
        opened: list[Serial] = []

        def open_device(*arguments: Any, **options: Any) -> Serial:
            opened.append(Serial(*arguments, **options))
            self.assertTrue(opened[-1].is_open)
            return opened[-1]

        def fail(*arguments: Any) -> None:
            raise termios.error(5, "Input/output error")

        self.patch(Port, "_serialFactory", staticmethod(open_device))
        ends = os.openpty()
        for end in ends:
            self.addCleanup(os.close, end)
        device = os.ttyname(ends[1])
        told: Any = Refusals()
        SerialWay(device, 9600, None, told).connect(told).disconnect()
        self.patch(Port, "flushOutput", fail)
        SerialWay(device, 9600, None, told).connect(told).disconnect()
        self.assertEqual({type(reason) for reason in told.reasons}, {PortError})
        words = ("No space left on device", "Input/output error")
        self.assertEqual(
            [str(one) for one in told.reasons], [f"{device}: {word}" for word in words]
        )
        self.assertEqual([one.is_open for one in opened], [False, False])
