"""Whatever octets come, nothing hangs, breaks or grows, and good reads return afterwards."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

from attrs import evolve

from dlmsd.dlms.hdlc import control
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.meter.protocol import MAX_BABBLE
from dlmsd.model import MeterState
from tests.meter.fleet import FleetCase
from tests.network import Pipe

SEEDS = 40


def flip(random: Random, octets: bytes) -> bytes:
    """Some bits wrong."""
    spoiled = bytearray(octets)
    for _ in range(random.randint(1, 4)):
        spoiled[random.randrange(len(spoiled))] ^= 1 << random.randrange(8)
    return bytes(spoiled)


def cut(random: Random, octets: bytes) -> bytes:
    """The end missing."""
    return octets[: random.randrange(len(octets))]


def babble(random: Random, octets: bytes) -> bytes:
    """Noise instead of an answer, rich in what begins a frame."""
    return bytes(random.choice((0x7E, 0xA0, 0xA7, 3, random.randrange(256))) for _ in range(300))


def twice(random: Random, octets: bytes) -> bytes:
    """Everything again."""
    return octets + octets


def wrap(random: Random, octets: bytes) -> bytes:
    """The answer between noise."""
    return babble(random, b"")[:40] + octets + babble(random, b"")[:40]


def nothing(random: Random, octets: bytes) -> bytes:
    """Silence."""
    return b""


SPOILERS = (flip, cut, babble, twice, wrap, nothing)


class HostileTests(FleetCase):
    def spoil(self, random: Random, chance: float) -> None:
        """From now on, what arrives on any connection may be spoiled."""

        def arrive(pipe: Pipe, octets: bytes, genuine: Callable[[bytes], None]) -> None:
            if random.random() < chance:
                octets = random.choice(SPOILERS)(random, octets)
            if octets:
                genuine(octets)

        connect = self.network.connected

        def connected(pipe: Pipe) -> None:
            connect(pipe)
            genuine = pipe.arrive
            pipe.arrive = lambda octets: arrive(pipe, octets, genuine)

        self.network.connected = connected

    def test_spoiled_answers(self) -> None:
        for seed in range(SEEDS):
            with self.subTest(seed=seed):
                self.setUp()
                genuine = self.network.connected
                self.spoil(Random(seed), 0.5)
                self.simulate()
                self.read(self.options(interval=2.0, timeout=2.0))
                self.run_for(300)
                during = len(self.readings)
                self.network.connected = genuine
                for pipe in self.network.connections:
                    pipe.abortConnection()
                self.run_for(700)
                self.assertGreater(len(self.readings), during + 100)
                self.assertIs(self.statuses["virtual-001"].state, MeterState.READING)
                self.assert_genuine()
                self.end()

    def test_a_meter_that_is_never_ready_is_given_up_in_seconds(self) -> None:
        """Half a second passes between two polls, however much was heard meanwhile."""
        self.simulate()
        self.read(self.options())
        self.run_for(12)
        (pipe,) = self.network.connections
        genuine = pipe.arrive
        busy: list[float] = []

        def arrive(octets: bytes) -> None:
            (frame,) = FrameReassembly().feed(octets)
            assert isinstance(frame, Frame)
            if frame.kind is Kind.I or busy:
                busy.append(self.network.seconds())
                # Nothing more is acknowledged than the request.
                receive = control.receive_number(frame.control)
                frame = evolve(frame, control=control.receive_not_ready(receive), information=b"")
            genuine(frame.encode())

        pipe.arrive = arrive  # type: ignore[method-assign]
        self.run_for(3.5)
        pauses = [later - sooner for sooner, later in pairwise(busy)]
        self.assertTrue(all(0.4 < pause < 0.6 for pause in pauses), pauses)
        self.run_for(5)
        self.assertIn("stayed busy", self.statuses["virtual-001"].error)

    def assert_genuine(self) -> None:
        answered = {raw for entry in self.record for _, attribute, raw in entry.results}
        for reading in self.readings:
            self.assertIn(str(reading.values["active_energy"]), answered)

    def test_endless_babble_ends_the_connection(self) -> None:
        for octet in (b"\x7e", b"\xa0", b"\x00"):
            with self.subTest(octet=octet):
                self.setUp()
                self.simulate()
                self.read(self.options())
                self.run_for(0.01)
                pipe = self.network.connections[0]
                for _ in range(MAX_BABBLE // 512 + 1):
                    pipe.arrive(octet * 512)
                self.assertTrue(pipe.disconnecting)
                self.run_for(0.1)
                self.assertIn("nobody asked for", self.statuses["virtual-001"].error)
                self.run_for(60)
                self.assertIs(self.statuses["virtual-001"].state, MeterState.READING)
                self.end()
