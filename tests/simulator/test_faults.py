"""Faults: each does what it says, and the meter can be read afterwards."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import BadFrame, Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.errors import ClosedError, LocalError, MeterError, RefusedError, SilenceError
from dlmsd.simulator.faults import (
    LATE_SECONDS,
    Fault,
    FaultInjector,
    FaultKind,
    Pause,
    Reset,
    Write,
)
from dlmsd.simulator.personality import WRAPPER
from tests.simulator.client import Client, World, register

VOLTAGE = register("1-1:32.7.0")
FRAME = Frame(b"\x03", b"\x03", 0x30, b"\xe6\xe7\x00\xc4\x01\xc1\x00\x12\x08\xfd")


class FaultTests(SynchronousTestCase):
    def test_parse(self) -> None:
        self.assertEqual(Fault.parse("noise=0.1"), Fault(FaultKind.NOISE, chance=0.1))
        self.assertEqual(Fault.parse("bad-fcs=every:50"), Fault(FaultKind.BAD_FCS, every=50))

    def test_refused(self) -> None:
        for text in (
            "",
            "noise",
            "noise=",
            "noise=2",
            "noise=-1",
            "noise=0",
            "pest=1",
            "dm=every:x",
            "dm=every:0",
        ):
            self.assertRaises(ValueError, Fault.parse, text)
        self.assertRaises(LocalError, Fault, FaultKind.DM)

    def test_every(self) -> None:
        injector = FaultInjector(Random(0), (Fault(FaultKind.SILENCE, every=3),))
        sent = [bool(injector.send(b"x")) for _ in range(9)]
        self.assertEqual(sent, [True, True, False] * 3)
        self.assertEqual(injector.struck, {FaultKind.SILENCE: 3})

    def test_chance(self) -> None:
        injector = FaultInjector(Random(0), (Fault(FaultKind.SILENCE, chance=0.25),))
        silent = sum(not injector.send(b"x") for _ in range(2000))
        self.assertApproximates(silent / 2000, 0.25, 0.04)

    def test_one_at_a_time(self) -> None:
        both = (Fault(FaultKind.SILENCE, every=2), Fault(FaultKind.LATE, every=2))
        injector = FaultInjector(Random(0), both)
        for _ in range(4):
            injector.send(b"x")
        self.assertEqual(injector.struck, {FaultKind.SILENCE: 2})

    @given(st.integers(), st.sampled_from(["noise", "trickle", "truncated", "late"]))
    def test_the_good_frame_is_found(self, seed: int, name: str) -> None:
        """Whatever is around it, also when another frame follows."""
        injector = FaultInjector(Random(seed), (Fault.parse(f"{name}=1"),))
        reassembly = FrameReassembly()
        found = []
        for step in injector.send(FRAME.encode()) + injector.send(FRAME.encode()):
            if isinstance(step, Write):
                found += reassembly.feed(step.octets)
        self.assertEqual([one for one in found if isinstance(one, Frame)], [FRAME, FRAME])

    @given(st.integers(), st.sampled_from(["bad-fcs", "bad-hcs"]))
    def test_the_bad_frame_is_known(self, seed: int, name: str) -> None:
        injector = FaultInjector(Random(seed), (Fault.parse(f"{name}=1"),))
        (step,) = injector.send(FRAME.encode())
        found = FrameReassembly().feed(step.octets)
        self.assertEqual([one for one in found if isinstance(one, Frame)], [])
        wrong = "wrong FCS" if name == "bad-fcs" else "wrong HCS"
        self.assertIn(wrong, [one.reason for one in found if isinstance(one, BadFrame)])

    def test_steps(self) -> None:
        def steps(name: str) -> list:
            return FaultInjector(Random(1), (Fault.parse(f"{name}=1"),)).send(b"abcdef")

        self.assertEqual(steps("silence"), [])
        self.assertEqual(steps("late"), [Pause(LATE_SECONDS), Write(b"abcdef")])
        self.assertEqual(len([one for one in steps("trickle") if isinstance(one, Write)]), 6)
        half, end = steps("reset")
        self.assertTrue(0 < len(half.octets) < 6)
        self.assertEqual(end, Reset())
        half, whole = steps("truncated")
        self.assertTrue(b"abcdef".startswith(half.octets))
        self.assertEqual(whole, Write(b"abcdef"))
        noise = steps("noise")[0].octets
        self.assertIn(b"abcdef", noise)
        self.assertGreater(len(noise), 6)


class FaultyMeterTests(SynchronousTestCase):
    """Each fault against a client; then without it, to see that nothing stayed wrong."""

    def setUp(self) -> None:
        self.world = World().start()
        self.simulation = self.world.simulation
        (self.meter,) = self.simulation.meters

    def inject(self, *texts: str) -> None:
        self.simulation.inject([Fault.parse(text) for text in texts])

    def reads(self, client: Client) -> None:
        (value,) = client.get(VOLTAGE)
        self.assertTrue(2250 < value.value < 2350)

    def usable(self, client: Client) -> None:
        """On this connection, and on a new one."""
        self.inject()
        self.reads(client.open())
        client.transport.loseConnection()
        self.reads(self.world.client().open())

    def test_survivable(self) -> None:
        """A client that reassembles and repeats does not notice much."""
        for name in ("noise", "trickle", "truncated"):
            client = self.world.client()
            self.inject(f"{name}=1")
            client.open()
            for _ in range(5):
                self.reads(client)
            self.assertEqual(client.timeouts, 0, name)
            self.assertGreaterEqual(self.meter.faults.struck[FaultKind(name)], 8)
            self.inject()
            client.transport.loseConnection()

    def test_noise_is_there(self) -> None:
        client = self.world.client()
        self.inject("noise=1")
        client.open()
        self.assertGreater(client.reassembly.noise + len(client.bad), 0)
        self.usable(client)

    def test_spoiled_and_lost_answers_are_repeated(self) -> None:
        for name in ("bad-fcs", "bad-hcs", "silence"):
            client = self.world.client().open()
            self.inject(f"{name}=every:2")
            for _ in range(6):
                self.reads(client)
            self.assertGreaterEqual(client.timeouts, 3, name)
            self.assertEqual(bool(client.bad), name != "silence")
            self.inject()
            client.transport.loseConnection()

    def test_silence(self) -> None:
        client = self.world.client().open()
        self.inject("silence=1")
        self.assertRaises(SilenceError, client.get, VOLTAGE)
        self.usable(client)

    def test_what_is_silenced_was_not_answered(self) -> None:
        client = self.world.client().open()
        self.inject("silence=every:1")
        self.assertRaises(SilenceError, client.get, VOLTAGE)
        self.assertEqual(self.world.entries, [])

    def test_reset(self) -> None:
        client = self.world.client().open()
        self.inject("reset=1")
        self.assertRaises(ClosedError, client.get, VOLTAGE)
        self.assertTrue(client.transport.aborted)
        self.assertEqual(self.world.entries, [])
        self.inject()
        self.reads(self.world.client().open())

    def test_late(self) -> None:
        """The client repeats; both answers come, and the second is known as the same."""
        client = self.world.client().open()
        self.inject("late=every:2")
        self.reads(client)
        before = self.world.reactor.seconds()
        self.reads(client)
        self.assertGreaterEqual(self.world.reactor.seconds() - before, LATE_SECONDS)
        self.assertEqual(client.timeouts, 1)
        self.usable(client)

    def test_residue(self) -> None:
        self.inject("residue=1")
        client = self.world.client()
        self.assertEqual(len(client.transport.pieces), 1)
        self.reads(client.open())
        self.assertIs(client.frames[0].kind, Kind.I)
        self.usable(client)

    def test_refuse(self) -> None:
        client = self.world.client()
        self.inject("refuse=1")
        self.assertRaises(RefusedError, client.open)
        self.usable(client)

    def test_dm(self) -> None:
        client = self.world.client().open()
        self.inject("dm=1")
        self.assertRaises(MeterError, client.get, VOLTAGE)
        self.assertIs(client.frames[-1].kind, Kind.DM)
        self.usable(client)

    def test_one_meter_only(self) -> None:
        world = World(meters=2).start()
        world.simulation.inject([Fault.parse("silence=1")], "virtual-002")
        self.reads(world.client(0).open())
        self.assertRaises(SilenceError, world.client(1).open)
        self.assertRaises(LocalError, world.simulation.inject, [], "virtual-003")

    def test_hdlc_faults_need_hdlc(self) -> None:
        for name in ("bad-fcs", "bad-hcs", "dm"):
            self.assertRaises(
                LocalError, World, personality=WRAPPER, faults=[Fault.parse(f"{name}=1")]
            )

    def test_the_same_seed_the_same_faults(self) -> None:
        def struck() -> tuple:
            world = World(faults=[Fault.parse("noise=0.3"), Fault.parse("trickle=0.2")]).start()
            client = world.client().open()
            for _ in range(20):
                self.reads(client)
            return client.transport.pieces, world.simulation.meters[0].faults.struck

        self.assertEqual(struck(), struck())
