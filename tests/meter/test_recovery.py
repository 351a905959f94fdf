"""The ladder against a plain model of it, and its words one by one."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.recovery import RecoveryOptions
from dlmsd.config.values import MeterOptions
from dlmsd.errors import ClosedError, RefusedError, SilenceError, UnsteadyError
from dlmsd.meter.recovery import IDLE, RECONNECT, RELINK, STAY, Recovery, Rest, Wait
from dlmsd.meter.refusals import Memory, Refusals
from dlmsd.secret import Secret
from dlmsd.standing import Breaker, Rung, Standing

OPTIONS = RecoveryOptions(failed_cycles=2, errors=7, losses=3, pause=300.0, refused_pause=900.0)
INTERVAL = 10.0


class Model:
    """The table of recovery.py as if and else, with nothing in common but its words."""

    def __init__(self) -> None:
        self.rung = "connecting"
        self.errors = self.cycles = 0
        self.losses: list[float] = []
        self.until = self.wait = 0.0
        self.refusals: list[float] = []

    def recent(self, now: float) -> int:
        return sum(1 for at in self.losses if at > now - 3600)

    def rest(self, rung: str, until: float) -> tuple[str, float]:
        self.rung, self.until = rung, until
        return "rest", until

    def due(self, now: float) -> Any:
        if now < self.until:
            return ("rest" if self.rung in ("paused", "barred") else "wait", self.until)
        if self.until:
            self.until = 0.0
            self.rung = {"paused": "probing", "barred": "connecting"}.get(self.rung, self.rung)
        return None

    def lose(self, now: float, *, counted: bool) -> Any:
        self.rung = "connecting"
        if counted:
            self.losses.append(now)
            if self.recent(now) > OPTIONS.losses:
                return self.rest("paused", now + OPTIONS.pause)
        return None

    def failed(self, now: float) -> Any:
        self.errors += 1
        enough = self.cycles + 1 >= OPTIONS.failed_cycles or self.errors >= OPTIONS.errors
        if self.rung == "linked":
            self.rung = "relinking"
            return "relink"
        if self.rung == "relinking":
            if not enough:
                self.cycles += 1
                return "stay"
            return self.lose(now, counted=True) or "reconnect"
        if self.rung == "probing":
            return self.rest("paused", now + OPTIONS.pause)
        return "reconnect" if self.rung == "connecting" else "stay"

    def lost(self, now: float, quiet: float) -> Any:
        self.errors += 1
        if self.rung == "paused" and now >= self.until:
            self.rung = "probing"
        if self.rung == "probing":
            return self.rest("paused", now + OPTIONS.pause)
        if self.rung in ("linked", "relinking"):
            counted = self.rung == "relinking" or quiet <= 30
            return self.lose(now, counted=counted) or ("stay" if counted else "idle")
        return "stay"

    def silent(self, now: float) -> Any:
        if self.rung in ("linked", "relinking"):
            return self.lose(now, counted=True) or "reconnect"
        if self.rung == "probing":
            return self.rest("paused", now + OPTIONS.pause)
        return "reconnect" if self.rung == "connecting" else "stay"

    def kept(self, now: float) -> Any:
        if self.rung != "connecting":
            return "stay"
        self.wait = min(max(INTERVAL, 2 * self.wait), OPTIONS.max_delay)
        self.until = now + self.wait
        return "wait", self.until

    def refused(self, now: float) -> Any:
        self.errors += 1
        self.refusals.append(now)
        until = now + OPTIONS.refused_pause
        if len(self.refusals) >= 4:
            until = max(until, self.refusals[-4] + 3600)
        return self.rest("barred", until)

    def read(self) -> None:
        if self.rung in ("paused", "barred"):
            return
        if self.rung == "probing":
            self.losses = []
        self.rung = "linked"
        self.errors = self.cycles = 0
        self.wait = 0.0

    def opened(self) -> None:
        if self.rung == "connecting":
            self.rung, self.cycles = "linked", 0


def plain(action: Any) -> Any:
    match action:
        case Rest(until, _):
            return "rest", until
        case Wait(until, _):
            return "wait", until
        case None:
            return None
    return {STAY: "stay", IDLE: "idle", RELINK: "relink", RECONNECT: "reconnect"}[action]


class LadderMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.model = Model()
        self.memory = Memory()
        self.told: list[Standing] = []
        self.ladder = Recovery(OPTIONS, INTERVAL, self.memory, self.told.append, self.now)

    def same(self, action: Any, wanted: Any) -> None:
        assert plain(action) == wanted, (action, wanted, self.model.rung)
        self.look()

    def look(self) -> None:
        standing = self.told[-1] if self.told else Standing()
        model = self.model
        assert standing.rung.value == model.rung
        assert standing.errors == model.errors
        assert standing.losses == model.recent(self.now)
        until = model.until if model.until > self.now else None
        assert standing.resting_until == until

    @rule(seconds=st.one_of(st.floats(0, 60), st.floats(250, 1000), st.just(4000.0)))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.same(self.ladder.due(self.now), self.model.due(self.now))

    @rule()
    def opens(self) -> None:
        self.ladder.opened(self.now)
        self.model.opened()
        self.look()

    @rule()
    def reads(self) -> None:
        self.ladder.read(self.now)
        self.model.read()
        self.look()

    @rule()
    def fails(self) -> None:
        self.same(self.ladder.failed(SilenceError("x"), self.now), self.model.failed(self.now))

    @rule(quiet=st.sampled_from([0.0, 30.0, 31.0, 500.0]))
    def loses(self, quiet: float) -> None:
        done = self.ladder.lost(ClosedError("x"), self.now, quiet)
        self.same(done, self.model.lost(self.now, quiet))

    @rule()
    def is_silent(self) -> None:
        self.same(self.ladder.silent(SilenceError("x"), self.now), self.model.silent(self.now))

    @precondition(lambda self: self.model.rung == "connecting")
    @rule()
    def is_kept(self) -> None:
        self.same(self.ladder.kept(self.now), self.model.kept(self.now))

    @rule()
    def is_refused(self) -> None:
        self.same(self.ladder.refused(RefusedError("x"), self.now), self.model.refused(self.now))

    @rule()
    def connects(self) -> None:
        self.ladder.connected(self.now)
        if self.model.rung == "connecting":
            self.model.until = 0.0
        self.look()


class ModelTests(SynchronousTestCase):
    def test_the_ladder_is_its_model(self) -> None:
        case = LadderMachine.TestCase()
        case.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
        case.runTest()


class LadderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.standing = Standing()
        self.memory = Memory()
        self.ladder = self.make(RecoveryOptions())

    def make(self, options: RecoveryOptions) -> Recovery:
        return Recovery(options, 5.0, self.memory, self.tell, 0.0)

    def tell(self, standing: Standing) -> None:
        self.standing = standing

    def flap(self, now: float) -> Any:
        """Associated, and lost after a good read."""
        self.ladder.opened(now)
        self.ladder.read(now)
        return self.ladder.lost(ClosedError("it broke"), now, 0.0)

    def test_once_more_on_the_same_connection_then_on_another(self) -> None:
        self.ladder.opened(1)
        self.ladder.read(1)
        self.assertEqual(self.ladder.failed(SilenceError("x"), 2), RELINK)
        self.assertEqual(self.ladder.failed(SilenceError("x"), 3), RECONNECT)
        self.assertEqual(self.ladder.failed(SilenceError("x"), 4), RECONNECT)

    def test_eleven_losses_in_an_hour_open_the_breaker_and_ten_do_not(self) -> None:
        for number in range(10):
            self.assertEqual(self.flap(number * 300.0), STAY)
        self.assertIs(self.standing.breaker, Breaker.CLOSED)
        action = self.flap(3000.0)
        assert isinstance(action, Rest)
        self.assertEqual(action.until, 3300.0)
        self.assertIsInstance(action.error, UnsteadyError)
        self.assertEqual((action.error.cause, self.standing.losses), ("closed", 11))
        self.assertIs(self.standing.breaker, Breaker.OPEN)

    def test_losses_are_forgotten_after_an_hour(self) -> None:
        for number in range(100):
            self.assertEqual(self.flap(number * 361.0), STAY)

    def test_while_it_rests_too(self) -> None:
        self.flap(0.0)
        self.ladder.refused(RefusedError("x"), 3000.0)
        self.assertEqual(self.standing.losses, 1)
        self.assertIsInstance(self.ladder.due(3600.0), Rest)
        self.assertEqual(self.standing.losses, 0)

    def test_half_open_it_closes_with_a_good_read_and_opens_without(self) -> None:
        for number in range(11):
            self.flap(float(number))
        self.assertIsInstance(self.ladder.due(300), Rest)
        self.assertIsNone(self.ladder.due(310))
        self.assertIs(self.standing.breaker, Breaker.HALF_OPEN)
        self.assertEqual(plain(self.ladder.failed(SilenceError("x"), 320)), ("rest", 620.0))
        self.assertIsNone(self.ladder.due(620))
        self.ladder.opened(621)
        self.assertIs(self.standing.breaker, Breaker.HALF_OPEN)
        self.ladder.read(622)
        self.assertEqual((self.standing.breaker, self.standing.losses), (Breaker.CLOSED, 0))

    def test_a_probe_that_finds_no_connection_is_one_attempt_too(self) -> None:
        for number in range(11):
            self.flap(float(number))
        self.assertEqual(self.ladder.lost(ClosedError("early"), 100, 0), STAY)
        self.assertEqual(plain(self.ladder.lost(ClosedError("x"), 311, 0)), ("rest", 611.0))

    def test_failed_attempts_to_connect_open_no_breaker(self) -> None:
        for now in range(500):
            self.assertEqual(self.ladder.lost(ClosedError("refused"), now, 0), STAY)
        self.assertEqual((self.standing.losses, self.standing.errors), (0, 500))

    def test_four_refusals_an_hour_and_a_quarter_between_them(self) -> None:
        now, asked = 0.0, []
        while now < 6 * 3600:
            if self.ladder.due(now) is None:
                asked.append(now)
                self.ladder.refused(RefusedError("no"), now)
            now += 5
        for at in asked:
            self.assertLessEqual(sum(at <= one < at + 3600 for one in asked), 4)
        self.assertEqual(len(asked), 24)

    def test_a_meter_that_locks_sooner(self) -> None:
        self.ladder = self.make(evolve(OPTIONS, refused_pause=60.0, refusals=2))
        asked = []
        for now in range(0, 4 * 3600, 5):
            if self.ladder.due(now) is None:
                asked.append(now)
                self.ladder.refused(RefusedError("no"), now)
        self.assertEqual(asked[:5], [0, 60, 3600, 3660, 7200])

    def test_every_rule_can_be_switched_off(self) -> None:
        off = RecoveryOptions(failed_cycles=0, errors=0, losses=0)
        self.ladder = self.make(off)
        for number in range(50):
            self.assertEqual(self.flap(float(number)), STAY)
        self.ladder.opened(60)
        self.ladder.failed(SilenceError("x"), 61)
        for number in range(50):
            self.assertEqual(self.ladder.failed(SilenceError("x"), 62 + number), STAY)

    def test_errors_in_a_row_count_where_cycles_do_not(self) -> None:
        self.ladder = self.make(RecoveryOptions(failed_cycles=0, errors=15))
        self.ladder.opened(0)
        done = [self.ladder.failed(SilenceError("x"), float(number)) for number in range(15)]
        self.assertEqual(done, [RELINK, *[STAY] * 13, RECONNECT])


class RefusalsTests(SynchronousTestCase):
    METER = MeterOptions("a", "10.0.0.1", "p", "a", (), password=Secret("wrong"))

    def setUp(self) -> None:
        self.refusals = Refusals()
        self.refuse(0)

    def refuse(self, now: float, meter: MeterOptions = METER) -> None:
        self.refusals.of(meter).refused(RefusedError("no"), now, 900, 4)

    def test_a_poller_that_starts_again_waits_on(self) -> None:
        told: list[Standing] = []
        ladder = Recovery(RecoveryOptions(), 5, self.refusals.of(self.METER), told.append, 100)
        self.assertIs(told[-1].rung, Rung.BARRED)
        self.assertEqual(plain(ladder.due(100)), ("rest", 900))
        self.assertIsNone(ladder.due(900))

    def test_another_name_and_interval_is_the_same_meter(self) -> None:
        self.assertEqual(self.refusals.of(evolve(self.METER, name="b", interval=9)).until, 900)
        other = evolve(self.METER, physical_device=17)
        self.assertEqual(self.refusals.of(other).until, 0)

    def test_other_credentials_may_be_tried_at_once_four_times_an_hour(self) -> None:
        for number in range(1, 4):
            changed = evolve(self.METER, password=Secret(f"wrong too {number}"))
            self.assertEqual(self.refusals.of(changed).until, 0)
            self.refuse(number, changed)
        right = evolve(self.METER, password=Secret("right"))
        self.assertEqual(self.refusals.of(right).until, 3600)
