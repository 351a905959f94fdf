"""Listeners and meters that change while others are heard."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import MeterOptions, PushOptions
from dlmsd.model import MeterState, MeterStatus
from dlmsd.push.errors import ListenError
from dlmsd.push.service import PushService
from tests.meter.fleet import MemoryCounters

ONE = PushOptions("one", listen="tcp:4059")
TWO = PushOptions("two", listen="tcp:4060")


def meter(name: str, **more: Any) -> MeterOptions:
    return MeterOptions(
        name, "", "p", name, (), transport="push", serial_number=name, expect_every=60.0, **more
    )


class PushServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.posted: list[Any] = []
        self.service = PushService(
            reactor=self.reactor,
            wall=lambda: 1_800_000_000.0,
            random=bytes,
            store=MemoryCounters(),
            commit=lambda reading, sinks: succeed(None),
            post=self.posted.append,
        )

    def change(self, listeners: list[PushOptions], *meters: MeterOptions) -> Deferred[None]:
        async def last_ts() -> dict[str, int]:
            return {}

        return Deferred.fromCoroutine(self.service.change(listeners, meters, last_ts))

    def end(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.service.stop()))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def states(self, name: str) -> list[MeterState]:
        return [
            one.state for one in self.posted if isinstance(one, MeterStatus) and one.name == name
        ]

    def test_only_what_differs(self) -> None:
        self.successResultOf(self.change([ONE], meter("a"), meter("b")))
        first = self.service.listeners[0]
        self.posted.clear()
        self.successResultOf(
            self.change([ONE, TWO], meter("a"), meter("b", status="inactive"), meter("c"))
        )
        self.assertIs(self.service.listeners[0], first)
        self.assertEqual([one.options for one in self.service.listeners], [ONE, TWO])
        self.assertEqual(self.states("a"), [])
        self.assertEqual(self.states("b"), [MeterState.INACTIVE])
        self.assertEqual(len(self.states("c")), 1)
        self.successResultOf(self.change([evolve(ONE, framing="hdlc")], meter("a")))
        self.assertIsNot(self.service.listeners[0], first)
        self.assertEqual(len(self.service.listeners), 1)
        self.end()

    def test_a_meter_that_is_gone_is_missed_by_nobody(self) -> None:
        self.successResultOf(self.change([ONE], meter("a"), meter("b")))
        self.successResultOf(self.change([ONE], meter("a")))
        self.posted.clear()
        self.reactor.advance(100)
        self.assertEqual((self.states("a"), self.states("b")), ([MeterState.DOWN], []))
        self.end()

    def test_a_port_that_is_taken_keeps_none_from_the_others(self) -> None:
        self.successResultOf(self.change([], meter("a")))
        listen = self.reactor.listenTCP

        def taken(port: int, *rest: Any, **more: Any) -> Any:
            if port == 4059:
                raise CannotListenError("", port, OSError(98, "in use"))
            return listen(port, *rest, **more)

        self.patch(self.reactor, "listenTCP", taken)
        self.failureResultOf(self.change([ONE, TWO], meter("a"), meter("b")), ListenError)
        self.assertEqual([one.options for one in self.service.listeners], [TWO])
        self.patch(self.reactor, "listenTCP", listen)
        self.successResultOf(self.change([ONE, TWO], meter("a"), meter("b")))
        self.assertEqual([one.options for one in self.service.listeners], [TWO, ONE])
        self.end()
