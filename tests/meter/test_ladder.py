"""Each rung of the ladder, climbed by a fleet in virtual time."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from dlmsd.config.recovery import RecoveryOptions
from dlmsd.model import MeterState, MeterStatus
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import MICROSTAR, WRAPPER
from dlmsd.standing import Breaker, Rung
from tests.meter.fleet import START, FleetCase

PATIENT = evolve(MICROSTAR, idle_timeout=0.0)
SILENT = Fault(FaultKind.SILENCE, chance=1.0)


class Closing(Factory):
    """Takes each connection and closes it, as a module that serves another client."""

    noisy = False

    def buildProtocol(self, addr: Any) -> Protocol:
        class Busy(Protocol):
            transport: Any

            def connectionMade(self) -> None:
                self.transport.loseConnection()

        return Busy()


class LadderCase(FleetCase):
    @property
    def status(self) -> MeterStatus:
        return self.statuses["virtual-001"]

    def drop(self) -> None:
        """The meter closes every connection that there is."""
        for pipe in self.network.connections:
            if pipe.open:
                pipe.peer.loseConnection()

    def poller(self) -> Any:
        assert self.fleet is not None
        (line,) = self.fleet._lines.values()
        (poller,) = line._pollers
        return poller

    def rungs(self) -> list[str]:
        """The rungs in their order, each once."""
        found = [status.standing.rung.value for status in self.history]
        return [
            rung for number, rung in enumerate(found) if number == 0 or rung != found[number - 1]
        ]


class RungTests(LadderCase):
    def test_a_link_that_the_meter_forgot_costs_no_cycle(self) -> None:
        self.simulate()
        self.read(self.options(interval=10.0))
        self.run_for(31)
        self.simulation.inject([Fault(FaultKind.DM, every=1)])
        self.run_for(0.5)
        self.simulation.inject([])
        before = self.status.good
        self.history.clear()
        self.run_for(8)
        self.simulation.inject([Fault(FaultKind.DM, every=4)])
        self.run_for(30)
        self.assertEqual(len(self.network.connections), 1)
        self.assertEqual(self.status.failed, 0)
        self.assertGreaterEqual(self.status.good, before + 3)

    def test_from_repetition_over_relinking_to_a_new_connection(self) -> None:
        self.simulate()
        self.read(self.options(interval=10.0))
        self.run_for(31)
        self.simulation.inject([SILENT])
        self.history.clear()
        self.run_for(40)
        self.assertEqual(self.rungs()[:2], ["relinking", "connecting"])
        self.assertGreater(len(self.network.connections), 1)
        self.assertEqual((self.status.cause, self.status.standing.losses), ("silence", 1))
        self.simulation.inject([])
        self.run_for(60)
        self.assertIs(self.status.state, MeterState.READING)
        self.assertIs(self.status.standing.rung, Rung.LINKED)
        self.assertEqual(self.status.standing.errors, 0)
        self.assertEqual(self.status.cause, "silence")

    def test_delays_grow_with_jitter_and_the_next_attempt_is_told(self) -> None:
        self.simulate()
        (options,) = self.options()
        self.network.listening.pop(options.port)
        self.read([options])
        self.run_for(1800)
        gaps = [after - before for before, after in pairwise(self.network.attempts)]
        self.assertEqual(gaps, sorted(gaps))
        self.assertGreater(gaps[-1], 200)
        self.assertLessEqual(gaps[-1], 301)
        self.assertEqual(self.status.cause, "refused")
        at = self.status.next_attempt_ts
        assert at is not None
        made = len(self.network.attempts)
        self.run_for(at / 1000 - START - self.network.seconds() - 0.5)
        self.assertEqual(len(self.network.attempts), made)
        self.run_for(1)
        self.assertEqual(len(self.network.attempts), made + 1)

    def test_ways_of_not_being_reached_are_told_apart(self) -> None:
        self.simulate()
        (options,) = self.options(host="meter.example")
        self.network.unresolvable.add("meter.example")
        self.read([options])
        self.run_for(30)
        self.assertEqual(self.status.cause, "dns")
        self.network.unresolvable.clear()
        self.network.silent.add(options.port)
        self.run_for(120)
        self.assertEqual(self.status.cause, "timeout")
        self.network.silent.clear()
        server = self.network.listening.pop(options.port)
        self.run_for(300)
        self.assertEqual(self.status.cause, "refused")
        self.network.listening[options.port] = Closing()
        self.run_for(1200)
        self.assertEqual(self.status.cause, "busy")
        self.network.listening[options.port] = server
        self.run_for(320)
        self.assertIs(self.status.state, MeterState.READING)

    def test_without_a_name_server_the_last_address_is_good(self) -> None:
        self.simulate()
        self.read(self.options(host="meter.example"))
        self.run_for(11)
        self.network.unresolvable.add("meter.example")
        for _ in range(3):
            self.drop()
            self.run_for(30)
        self.assertIs(self.status.state, MeterState.READING)
        self.assertEqual(len(self.network.connections), 4)

    def test_a_busy_meter_is_left_alone_for_a_minute_each_time(self) -> None:
        self.simulate()
        (options,) = self.options()
        self.network.listening[options.port] = Closing()
        self.read([options])
        self.run_for(1800)
        gaps = [after - before for before, after in pairwise(self.network.attempts)]
        self.assertGreaterEqual(min(gaps[2:]), 60.0)
        self.assertIn("without a word", self.status.error)
        self.assertIn("one client", self.status.advice)


class WatchdogTests(LadderCase):
    def test_silence_of_ten_minutes_renews_the_connection(self) -> None:
        """The link is well, and nothing is read."""
        self.simulate(personality=PATIENT)
        self.read(self.options())
        self.run_for(60)
        poller = self.poller()
        self.patch(poller._cycle, "run", lambda *_: _nothing())
        self.run_for(580)
        self.assertEqual(len(self.network.connections), 1)
        self.run_for(40)
        self.assertEqual(len(self.network.connections), 2)
        self.run_for(600)
        self.assertEqual(len(self.network.connections), 3)

    def test_a_cycle_that_hangs_is_ended(self) -> None:
        self.simulate(personality=PATIENT)
        self.read(self.options())
        self.run_for(60)
        poller = self.poller()
        session = poller._session
        ask = session._ask
        stuck: Deferred[Any] = Deferred()

        async def hang(*args: Any) -> Any:
            if stuck.called:
                return await ask(*args)
            session._waiter = stuck
            return await stuck

        self.patch(session, "_ask", hang)
        self.run_for(590)
        self.assertEqual(self.status.good, 12)
        self.run_for(60)
        self.assertGreater(self.status.good, 13)

    def test_a_meter_that_is_read_seldom_is_not_silent(self) -> None:
        self.simulate(personality=PATIENT)
        self.read(self.options(interval=900.0))
        self.run_for(4 * 3600 + 1)
        self.assertEqual(len(self.network.connections), 1)
        self.assertEqual(self.status.good, 17)

    def test_old_connections_are_renewed_between_cycles_without_a_loss(self) -> None:
        self.simulate()
        recovery = RecoveryOptions(max_age=1800)
        self.read(self.options(interval=10.0, recovery=recovery))
        self.run_for(4 * 3600)
        self.assertEqual(len(self.network.connections), 8)
        self.assertEqual((self.status.failed, self.status.standing.losses), (0, 0))
        self.assertGreaterEqual(self.status.good, 1440)

    def test_a_failing_cycle_may_be_forgiven(self) -> None:
        self.simulate()
        self.read(self.options(interval=30.0, recovery=RecoveryOptions(failed_cycles=5)))
        self.run_for(61)
        self.simulation.inject([SILENT])
        self.run_for(100)
        self.assertEqual(len(self.network.connections), 1)
        self.run_for(100)
        self.assertGreater(len(self.network.connections), 1)


class BreakerTests(LadderCase):
    def flap(self) -> None:
        """Associations are lost until the breaker opens."""
        self.simulate()
        self.read(self.options())
        self.run_for(6)
        for _ in range(11):
            self.drop()
            self.run_for(8)

    def test_it_pauses_probes_once_and_closes(self) -> None:
        self.flap()
        self.assertIs(self.status.standing.breaker, Breaker.OPEN)
        self.assertIs(self.status.state, MeterState.WAITING)
        self.assertIn("11 associations", self.status.error)
        self.assertEqual(self.status.cause, "closed")
        made = len(self.network.attempts)
        self.run_for(280)
        self.assertEqual(len(self.network.attempts), made)
        self.run_for(40)
        self.assertEqual(len(self.network.attempts), made + 1)
        self.assertIs(self.status.state, MeterState.READING)
        self.assertIs(self.status.standing.breaker, Breaker.CLOSED)
        self.assertIn(Breaker.HALF_OPEN, {status.standing.breaker for status in self.history})

    def test_a_probe_that_fails_pauses_again_and_so_for_ever(self) -> None:
        self.flap()
        (port,) = self.network.listening
        server = self.network.listening.pop(port)
        made = len(self.network.attempts)
        self.run_for(3600)
        self.assertTrue(10 <= len(self.network.attempts) - made <= 12)
        self.network.listening[port] = server
        self.run_for(320)
        self.assertIs(self.status.state, MeterState.READING)

    def test_a_meter_that_ends_what_is_idle_is_no_trouble(self) -> None:
        """Its connections end after each cycle; every cycle is good, and in time."""
        for framing, base in (("hdlc", MICROSTAR), ("wrapper", WRAPPER)):
            self.setUp()
            self.simulate(personality=evolve(base, idle_timeout=60.0))
            self.read(self.options(interval=200.0, framing=framing))
            self.run_for(4 * 3600 + 1)
            self.assertEqual(self.status.good, 73, framing)
            self.assertEqual((self.status.failed, self.status.standing.losses), (0, 0))
            self.assertEqual({status.error for status in self.history}, {""})
            self.assertLessEqual(len(self.network.connections), 75)
            self.end()

    def test_a_link_that_was_dropped_without_a_word_costs_no_cycle(self) -> None:
        """The meter keeps the connection and forgets the link, which only idle links are."""
        self.simulate(personality=PATIENT)
        self.read(self.options(interval=300.0))
        self.run_for(2)
        snrm = [status.state for status in self.history].count(MeterState.ASSOCIATING)
        self.run_for(3000)
        after = [status.state for status in self.history].count(MeterState.ASSOCIATING)
        self.assertEqual((snrm, after), (1, 11))
        self.assertEqual((self.status.good, self.status.failed), (11, 0))


class CrowdTests(FleetCase):
    def test_a_thousand_meters_that_drop_together(self) -> None:
        self.network.delay = 0.1
        self.simulate(meters=1000)
        self.connects_per_second = 20
        random = Random(3)
        self.chance = random.random
        self.read(self.options(interval=60.0))
        self.run_for(180)
        self.assertEqual(sum(status.good > 0 for status in self.statuses.values()), 1000)
        good = {name: status.good for name, status in self.statuses.items()}
        self.network.attempts.clear()
        for pipe in [pipe for pipe in self.network.connections if pipe.open]:
            pipe.abortConnection()
        dropped, back = self.network.seconds(), {}
        while len(back) < 1000 and self.network.seconds() < dropped + 600:
            self.run_for(0.5)
            for name, status in self.statuses.items():
                if name not in back and status.good > good[name]:
                    back[name] = self.network.seconds() - dropped
        seconds = sorted(back.values())
        print(
            f"95 % back after {seconds[949]:.0f} s, all after {seconds[-1]:.0f} s, "
            f"{self.network.most_trying} attempts at once at most",
            end=" ",
        )
        self.assertLessEqual(seconds[949], 120)
        self.assertLessEqual(seconds[999], 300)
        self.assert_paced()

    def test_a_thousand_that_nobody_answers(self) -> None:
        self.simulate(meters=1000)
        self.connects_per_second = 40
        options = self.options(interval=60.0)
        self.network.silent.update(meter.port for meter in options)
        self.read(options)
        self.run_for(60)
        self.assertEqual(self.network.most_trying, 200)

    def assert_paced(self) -> None:
        attempts = self.network.attempts
        for first, later in zip(attempts, attempts[20:], strict=False):
            self.assertGreaterEqual(later - first, 0.999)


async def _nothing() -> dict[str, Any]:
    return {}
