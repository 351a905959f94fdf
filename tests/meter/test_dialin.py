"""Meters that call in, in virtual time: known, unknown, twice, and never."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import DialInOptions
from dlmsd.meter.dialin import MAX_ANNOUNCEMENT, MAX_UNKNOWN, Caller, Reception
from dlmsd.meter.pause import Pause
from dlmsd.meter.session import Session
from dlmsd.model import MeterState
from dlmsd.simulator.medium import Medium
from tests.meter.fleet import FleetCase
from tests.network import Pipe

PORT = 4060
METER = "virtual-001"


class Stranger(Protocol):
    """Says something, and keeps what it hears."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.heard = b""
        self.lost = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.words)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


class Line(Factory):
    """Takes calls as a meter's line does."""

    continueTrying = True
    calls = 0

    def buildProtocol(self, addr: object) -> Protocol:
        self.calls += 1
        return Protocol()


class DialInTests(FleetCase):
    def begin(self, meters: int = 1, *, gateway: bool = False, **changes: Any) -> None:
        self.reception = Reception(DialInOptions(f"tcp:{PORT}"), reactor=self.network)
        self.successResultOf(Deferred.fromCoroutine(self.reception.start()))
        medium = Medium("dial-in", calls=("127.0.0.1", PORT))
        self.simulate(meters, medium=medium, gateway=gateway)
        self.read(self.options(**changes))

    def end(self) -> None:
        assert self.reception is not None
        self.successResultOf(Deferred.fromCoroutine(self.reception.stop()))
        super().end()

    def call(self, words: bytes = b"") -> Stranger:
        """A stranger's call."""
        stranger = Stranger(words)

        class Calls(Factory):
            def buildProtocol(self, addr: object) -> Stranger:
                return stranger

            def clientConnectionLost(self, connector: object, reason: object) -> None: ...

            def clientConnectionFailed(self, connector: object, reason: object) -> None: ...

        self.network.connectTCP("127.0.0.1", PORT, Calls())
        return stranger

    @property
    def pipes(self) -> list[Pipe]:
        return [pipe for pipe in self.network.connections if pipe.open]

    def test_three_meters_call_and_are_read(self) -> None:
        self.begin(3)
        self.run_for(60)
        self.assertEqual({one.good for one in self.statuses.values()}, {12})
        self.assertEqual({one.connects for one in self.statuses.values()}, {1})
        self.assertEqual({one.address for one in self.statuses.values()}, {"calls in"})

    def test_several_behind_one_modem(self) -> None:
        self.begin(3, gateway=True)
        self.run_for(60)
        self.assertEqual({one.good for one in self.statuses.values()}, {12})
        self.assertEqual(len(self.pipes), 1)

    def test_known_by_address_alone(self) -> None:
        self.begin(host="127.0.0.1", announces=None)
        self.run_for(60)
        self.assertEqual(self.statuses[METER].good, 12)

    def test_another_address_is_a_stranger_whatever_he_says(self) -> None:
        self.begin(host="10.0.0.1")
        self.run_for(60)
        assert self.reception is not None
        self.assertGreater(self.reception.unknown, 0)
        self.assertEqual(self.readings, [])

    def test_who_asks_before_it_has_called_waits(self) -> None:
        self.begin(announces=b"somebody else")
        self.run_for(30)
        assert self.fleet is not None
        asked = self.fleet.ask(METER, self.unwanted)
        pauses: list[float] = []
        real = Pause.last

        async def last(pause: Pause, seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) > 100:
                asked.cancel()
            await real(pause, seconds)

        self.patch(Pause, "last", last)
        self.run_for(60)
        self.assertNoResult(asked)
        self.assertEqual(len(pauses), 12, "one for each slot")
        asked.cancel()
        self.failureResultOf(asked, CancelledError)

    async def unwanted(self, session: Session) -> None:
        self.fail("it has not called")

    def test_it_calls_again_after_a_loss(self) -> None:
        self.begin()
        self.run_for(12)
        self.pipes[0].abortConnection()
        self.run_for(0.1)
        self.assertEqual(self.statuses[METER].state, MeterState.CONNECTING)
        self.run_for(60)
        self.assertEqual(self.statuses[METER].state, MeterState.READING)
        self.assertEqual(self.statuses[METER].connects, 2)

    def test_a_second_call_takes_the_place_of_the_first(self) -> None:
        self.begin(interval=1.0)
        self.run_for(12)
        (first,) = self.pipes
        second = self.call(b"virtual-001\r\n")
        self.run_for(2)
        self.assertFalse(first.open)
        self.assertTrue(second.heard.startswith(b"\x7e"))
        # The meter itself calls again, and the impostor's call is over.
        self.run_for(60)
        self.assertTrue(second.lost)
        self.assertEqual(self.statuses[METER].state, MeterState.READING)

    def test_a_caller_who_is_told_apart_otherwise_from_now_on(self) -> None:
        self.begin(host="127.0.0.1", announces=None)
        self.run_for(12)
        self.change(self.options(host="127.0.0.1"))
        self.run_for(60)
        self.assertEqual(self.statuses[METER].state, MeterState.READING)
        self.assertGreater(self.statuses[METER].good, 9)

    def test_a_meter_that_is_left_during_its_call_is_a_stranger(self) -> None:
        self.begin()
        self.run_for(12)
        self.change(self.options(status="inactive"))
        self.run_for(1)
        self.assertEqual(self.statuses[METER].state, MeterState.INACTIVE)
        impostor = self.call(b"virtual-001\r\n")
        self.run_for(29)
        self.assertFalse(impostor.lost)
        self.run_for(2)
        self.assertTrue(impostor.lost)

    def test_who_expects_no_more_calls_leaves_those_of_his_successor(self) -> None:
        self.begin(announces=b"somebody else")
        assert self.reception is not None
        lines: Any = (Line(), Line())
        first, _ = (self.reception.expect(Caller("", b"x"), line) for line in lines)
        first.disconnect()
        call = self.call(b"x")
        self.run_for(1)
        self.assertEqual([line.calls for line in lines], [0, 1])
        assert call.transport is not None
        call.transport.loseConnection()

    def test_a_call_that_never_comes(self) -> None:
        self.begin(announces=b"somebody else")
        self.run_for(300)
        status = self.statuses[METER]
        self.assertEqual((status.state, status.failed), (MeterState.CONNECTING, 0))
        self.assertLess(self.stop(), 1)

    def test_strangers_are_heard_for_a_while_and_counted(self) -> None:
        self.begin()
        self.run_for(1)
        silent, wrong = self.call(), self.call(b"virtual-0x1\r\n")
        self.run_for(29)
        self.assertFalse(silent.lost or wrong.lost)
        self.run_for(2)
        self.assertTrue(silent.lost and wrong.lost)
        assert self.reception is not None
        self.assertEqual((silent.heard, wrong.heard, self.reception.unknown), (b"", b"", 2))

    def test_a_long_speech_is_cut(self) -> None:
        self.begin()
        self.run_for(1)
        speaker = self.call(bytes(MAX_ANNOUNCEMENT))
        self.run_for(0.1)
        self.assertTrue(speaker.lost)

    def test_a_crowd_does_not_keep_a_meter_out(self) -> None:
        self.begin(announces=b"virtual-001", status="inactive")
        crowd = [self.call() for _ in range(MAX_UNKNOWN + 20)]
        self.run_for(0.1)
        # The meter, unknown here, was the oldest of all.
        self.assertEqual([one.lost for one in crowd], [True] * 20 + [False] * MAX_UNKNOWN)

    def test_octet_by_octet(self) -> None:
        self.begin(interval=1.0)
        self.run_for(12)
        slow = self.call()
        for octet in b"virtual-001":
            self.run_for(0.5)
            assert slow.transport is not None
            slow.transport.write(bytes((octet,)))
        self.run_for(2)
        self.assertIn(b"\x7e", slow.heard)

    def test_stopped_while_a_stranger_waits(self) -> None:
        self.begin()
        self.run_for(12)
        self.call()
        self.run_for(1)
        self.assertLess(self.stop(), 2)


class CallerTests(SynchronousTestCase):
    def test_address_and_words(self) -> None:
        self.assertTrue(Caller("", b"ab").is_it("1.2.3.4", b"abc"))
        self.assertFalse(Caller("", b"ab").is_it("1.2.3.4", b"a"))
        self.assertTrue(Caller("1.2.3.4", None).is_it("1.2.3.4", b""))
        self.assertFalse(Caller("1.2.3.4", b"ab").is_it("1.2.3.5", b"ab"))
