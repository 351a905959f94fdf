"""The link against a correct server, over a line that loses, doubles and delays."""

from __future__ import annotations

from collections import deque
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.link import (
    ApduReceived,
    LinkConnected,
    LinkDisconnected,
    LinkEvent,
    LinkLost,
)
from dlmsd.errors import LinkError, MeterError
from tests.dlms.hdlc.server import Server, sent

ACTIONS = (
    *("to server", "to client") * 4,
    "lose to server",
    "lose to client",
    "double to server",
    "double to client",
    "timeout",
)
HELLO = b"hello"


def answer(request: bytes) -> bytes:
    """The one right answer to a request, of a length that the request asks for."""
    return request + b"\x7e" * (request[-1] * 7)


class Line:
    """Client, server, and what is on its way between them.

    The first request of a link is always the same, as an AARQ is. ``done`` counts right
    answers, ``lost`` links that ended in an error.
    """

    def __init__(self, size: int, window: int, *, curt: bool = False) -> None:
        offer = LinkParameters(size, size, window, window)
        self.link = HdlcLink(16, ServerAddress(0, 1), offer)
        self.server = Server(answer, size, window, curt=curt)
        self.server.parameters = offer.encode()
        self.to_server: deque[Frame] = deque()
        self.to_client: deque[Frame] = deque()
        self.number = self.done = self.lost = self.repeated = 0
        self.request = b""
        self.carry(self.link.connect())

    def carry(self, events: list[LinkEvent]) -> None:
        """What an owner does with a link's events."""
        self.to_server += sent(events)
        for event in events:
            if isinstance(event, LinkConnected):
                self.ask(HELLO)
            elif isinstance(event, ApduReceived):
                assert event.apdu == answer(self.request), (event.apdu, self.request)
                self.done += 1
                self.number += 1
                self.ask(self.number.to_bytes(4, "big") + bytes((self.number * 37 % 100,)))
            elif isinstance(event, LinkLost):
                assert isinstance(event.error, MeterError | LinkError), event
                self.lost += 1
                # A new connection: nothing of the old one arrives in it.
                self.to_server.clear()
                self.to_client.clear()
                self.link.abort()
                self.carry(self.link.connect())
            else:
                assert not isinstance(event, LinkDisconnected), event

    def ask(self, request: bytes) -> None:
        self.request = request
        self.carry(self.link.send(request))

    def step(self, action: str) -> None:
        """One thing that happens on the line."""
        if action == "timeout":
            self.repeated += 1
            self.carry(self.link.timeout())
            return
        queue = self.to_server if action.endswith("server") else self.to_client
        if not queue:
            return
        if action.startswith("double"):
            queue.appendleft(queue[0])
            return
        frame = queue.popleft()
        if action == "to server":
            self.to_client += self.server.take(frame)
        elif action == "to client":
            self.carry(self.link.receive(frame))

    def settle(self) -> None:
        """A quiet line: everything arrives, and a timer runs out only when nothing moves."""
        for _ in range(200):
            self.step("to server")
            self.step("to client")
            if not self.to_server and not self.to_client:
                self.step("timeout")


class PerfectLineTests(SynchronousTestCase):
    def test_many_exchanges(self) -> None:
        """Numbers pass 7 many times, in every size and window, and nothing is repeated."""
        for size in (32, 33, 128, 2030):
            for window in (1, 2, 7):
                line = Line(size, window)
                for _ in range(3000):
                    line.step("to server")
                    line.step("to client")
                self.assertGreater(line.done, 60)
                self.assertEqual((line.lost, line.server.rejected), (0, False))
                wanted = line.server.requests
                self.assertEqual(len(wanted), len(set(wanted)), "a request came twice")


class LossyLineTests(SynchronousTestCase):
    def test_one_loss_at_a_time_is_healed(self) -> None:
        """Each frame of each direction lost once: one repetition heals it."""
        for direction in ("server", "client"):
            for window in (1, 7):
                for place in range(2, 40):
                    line = Line(32, window, curt=place % 2 == 0)
                    for step in range(400):
                        queue = line.to_server if direction == "server" else line.to_client
                        lose = step == place and queue
                        line.step(f"lose to {direction}" if lose else "to server")
                        line.step("to client")
                        if not line.to_server and not line.to_client:
                            line.step("timeout")
                    self.assertEqual(line.lost, 0, (direction, window, place))
                    self.assertFalse(line.server.rejected)
                    self.assertGreater(line.done, 10)

    def test_a_late_answer_does_not_double_every_exchange(self) -> None:
        """One timer that runs out too early costs a frame or two, not one more for ever."""
        for curt in (False, True):
            line = Line(128, 1, curt=curt)
            for _ in range(30):
                line.step("to server")
                line.step("to client")
            self.assertEqual(len(line.to_server), 1)
            line.step("timeout")
            for _ in range(30):
                line.step("to server")
                line.step("to client")
            self.assertEqual((line.lost, line.repeated), (0, 1))
            for _ in range(100):
                self.assertLessEqual(len(line.to_server) + len(line.to_client), 1)
                line.step("to server")
                line.step("to client")

    @settings(max_examples=400, deadline=None)
    @given(
        st.sampled_from([32, 128]),
        st.sampled_from([1, 3, 7]),
        st.booleans(),
        st.lists(st.sampled_from(ACTIONS), max_size=300),
    )
    def test_never_a_wrong_answer(
        self, size: int, window: int, curt: bool, actions: list[str]
    ) -> None:
        """Line.carry asserts every answer; afterwards the link must come back to life."""
        line = Line(size, window, curt=curt)
        for action in actions:
            line.step(action)
        before = line.done
        line.settle()
        self.assertGreater(line.done, before)

    def test_the_model_is_not_vacuous(self) -> None:
        """Random walks meet repetitions, lost links and many right answers."""
        random = Random(46)
        answers = repeated = lost = 0
        for _ in range(20):
            line = Line(32, random.choice((1, 3, 7)), curt=random.random() < 0.5)
            for _ in range(1000):
                trouble = random.random() < 0.05
                line.step(random.choice(ACTIONS if trouble else ACTIONS[:2]))
                if not line.to_server and not line.to_client:
                    line.step("timeout")
            answers += line.done
            repeated += line.repeated
            lost += line.lost
        self.assertGreater(answers, 300)
        self.assertGreater(repeated, 100)
        self.assertGreater(lost, 10)
