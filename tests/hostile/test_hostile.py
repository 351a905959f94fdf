"""One hostile meter among a thousand costs the others nothing, and the reactor little."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import DeferredLock
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.hostile import Figures
from benchmarks.hostile import wrong as judged
from dlmsd.meter import factory, protocol
from tests.hostile.crowd import Cost, Crowd
from tests.hostile.meter import Hostility

# What the others may lose, and what the hostile meter may take, a second.
MORE = 1.1
LATE_SECONDS = 0.05
OCTETS, CALLS, CONNECTIONS = 100_000, 1000, 0.5
SECONDS, SOON = 180.0, 60.0


def wrong(plain: Cost, cost: Cost) -> list[str]:
    """What is worse with the hostile meter than without."""
    found = plain.missing + cost.missing
    if not cost.backs:
        found.append("no lost connection came back")
    for what in ("poll", "back"):
        before, after = getattr(plain, what), getattr(cost, what)
        if after > MORE * before:
            found.append(f"p99 of {what} rose from {before:.3f} to {after:.3f} s")
    if cost.late > max(LATE_SECONDS, MORE * plain.late):
        found.append(f"polls were {cost.late:.3f} s late")
    for what, most in (("octets", OCTETS), ("calls", CALLS), ("connections", CONNECTIONS)):
        if getattr(cost, what) > most:
            found.append(f"{getattr(cost, what):.1f} {what} a second")
    return found


class HostileTests(SynchronousTestCase):
    def test_a_thousand_do_not_notice(self) -> None:
        plain = Crowd(None).run(SECONDS)
        self.assertGreater(plain.polls, 3000)
        most = Cost()
        for kind in Hostility:
            cost = Crowd(kind).run(SECONDS)
            self.assertEqual(wrong(plain, cost), [], kind.value)
            self.assertGreater(cost.calls + cost.connections, 0, kind.value)
            most.poll = max(most.poll, cost.poll / plain.poll)
            most.calls = max(most.calls, cost.calls)
            most.octets = max(most.octets, cost.octets)
        print(
            f"p99 of a poll at most {most.poll:.2f} times as long; the hostile meter gave the "
            f"reactor at most {most.calls:.0f} calls, {most.octets / 1000:.1f} kB a second",
            end=" ",
        )


class OracleTests(SynchronousTestCase):
    """A bug put in on purpose is seen, among a hundred."""

    def broken(self, kind: Hostility) -> str:
        plain, cost = (Crowd(one, 100).run(SOON) for one in (None, kind))
        return "\n".join(wrong(plain, cost))

    def test_a_lock_that_all_share(self) -> None:
        lock = DeferredLock()
        self.patch(factory, "DeferredLock", lambda: lock)
        self.assertRegex(self.broken(Hostility.BLOCKS), "was read 0 times|late|p99 of poll")

    def test_babble_without_a_limit(self) -> None:
        self.patch(protocol, "MAX_BABBLE", 1 << 24)
        self.assertIn("octets a second", self.broken(Hostility.FLAGS))

    def test_one_that_never_connects_again(self) -> None:
        backoff = factory.MeterFactory._backoff
        self.patch(
            factory.MeterFactory, "_backoff", lambda made: 1e6 if made.connects else backoff(made)
        )
        told = self.broken(Hostility.RESETS)
        self.assertIn("is not connected again after", told)
        self.assertIn("no lost connection came back", told)

    def test_one_that_connects_again_and_reads_no_more(self) -> None:
        build = factory.MeterFactory.buildProtocol

        def mute(made: factory.MeterFactory, address: Any) -> protocol.MeterProtocol:
            built = build(made, address)
            if made.connects > 1:
                built.dataReceived = lambda octets: None  # type: ignore[method-assign]
            return built

        self.patch(factory.MeterFactory, "buildProtocol", mute)
        cost = Crowd(Hostility.RESETS, 300).run(2 * SOON)
        self.assertIn("was not read again", " ".join(cost.missing))

    def test_no_pause_between_connections(self) -> None:
        self.patch(factory.MeterFactory, "_backoff", lambda self: 0.0)
        self.assertIn("connections a second", self.broken(Hostility.RESETS))


class VerdictTests(SynchronousTestCase):
    """What the measurement in real time says of its figures."""

    def judged(self, *costs: Figures) -> list[str]:
        without = Figures(500, 2.0, 1.0, 10.0, 0)
        return judged(Hostility.BOMBS, [(without, cost) for cost in costs], 450)

    def test_one_disturbed_round_is_none(self) -> None:
        good = Figures(500, 2.1, 1.0, 12.0, 3)
        self.assertEqual(self.judged(good, evolve(good, poll=9.0), good), [])

    def test_most_rounds(self) -> None:
        bad = Figures(500, 3.0, 1.0, 12.0, 3)
        (told,) = self.judged(bad, evolve(bad, poll=2.0), bad)
        self.assertIn("rose by 50 %", told)

    def test_few_polls_and_no_harm(self) -> None:
        told = self.judged(Figures(400, 2.0, 1.0, 12.0, 0))
        self.assertEqual(len(told), 2, told)
