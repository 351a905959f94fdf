"""Scripts and when they run: what is due happens before the meter answers."""

from __future__ import annotations

import datetime
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.cosem.registry import INSTANCES
from dlmsd.simulator.cosem.schedule import MAX_TIMES, run_due
from dlmsd.simulator.cosem.script import SCRIPTS
from dlmsd.simulator.objects import Objects
from dlmsd.simulator.personality import MICROSTAR
from dlmsd.simulator.security import MeterSecurity
from tests.simulator.cosem.bench import Bench

DISCONNECTOR = "0-0:10.0.106"
SCHEDULE = "0-0:15.0.1"
SWITCH = "0-0:96.3.10"


def run(held: Bench, code: str, number: int) -> ActionResult:
    return held.invoke(code, "execute", literal.long_unsigned(number))


class ScriptTests(SynchronousTestCase):
    def test_disconnect_and_reconnect(self) -> None:
        held = Bench()
        for number, state in ((1, False), (2, True)):
            self.assertIs(run(held, DISCONNECTOR, number), ActionResult.SUCCESS)
            self.assertEqual(held.value(SWITCH, "output_state"), state)

    def test_tariff(self) -> None:
        held = Bench()
        run(held, "0-0:10.0.100", 3)
        self.assertEqual(held.value("0-0:14.0.0", "active_mask"), b"T3")

    def test_resets(self) -> None:
        held = Bench()
        run(held, "0-0:10.0.0", 1)
        self.assertEqual(held.value("0-0:99.98.0", "buffer"), ())
        self.assertEqual(held.value("1-0:99.1.0", "entries_in_use"), 0)
        held.t += 1
        run(held, "0-0:10.0.1", 1)
        self.assertEqual(held.value("1-0:1.6.0"), 0)
        self.assertEqual(held.value("1-0:98.1.0", "buffer")[-1].value[1], held.read("1-0:1.8.0"))

    def test_the_first_failure_is_the_result(self) -> None:
        held = Bench()
        self.assertIs(run(held, "0-0:10.0.107", 1), ActionResult.OTHER_REASON)
        self.assertIs(run(held, "0-0:10.0.107", 2), ActionResult.OBJECT_UNAVAILABLE)

    def test_what_is_listed_exists(self) -> None:
        for code, scripts in SCRIPTS.items():
            listed = Bench().value(code, "scripts")
            self.assertEqual([each.value[0].value for each in listed], list(scripts))
            for each in listed:
                for step in each.value[1].value:
                    _, class_id, name, _, _ = (part.value for part in step.value)
                    self.assertEqual(INSTANCES[name].class_id, class_id)


class ScheduleTests(SynchronousTestCase):
    def plan(self, held: Bench, *after: float) -> DataAccessResult:
        return held.write(SCHEDULE, "execution_time", times(*[held.t + each for each in after]))

    def test_it_runs_at_its_time_also_when_nobody_asked_then(self) -> None:
        held = Bench()
        self.plan(held, 600)
        energies = []
        for wait in (0, 599, 1, 3600):
            held.t += wait
            run_due(held.meter, held.t)
            energies.append(held.value("1-0:1.8.0"))
        self.assertEqual(energies[2], energies[3])
        late = Bench()
        self.plan(late, 600)
        late.t += 4200
        run_due(late.meter, late.t)
        self.assertEqual(late.value("1-0:1.8.0"), energies[3])
        self.assertFalse(late.value(SWITCH, "output_state"))

    def test_another_script(self) -> None:
        held = Bench()
        run(held, DISCONNECTOR, 1)
        script = literal.structure(literal.name(DISCONNECTOR), literal.long_unsigned(2))
        held.write(SCHEDULE, "executed_script", script)
        self.assertEqual(held.read(SCHEDULE, "executed_script"), script)
        self.plan(held, 60)
        held.t += 61
        run_due(held.meter, held.t)
        self.assertTrue(held.value(SWITCH, "output_state"))

    def test_once(self) -> None:
        held = Bench()
        self.plan(held, 60)
        held.t += 61
        run_due(held.meter, held.t)
        run(held, DISCONNECTOR, 2)
        run_due(held.meter, held.t)
        self.assertTrue(held.value(SWITCH, "output_state"))

    def test_neither_the_past_nor_rules(self) -> None:
        held = Bench()
        self.plan(held, -60)
        rule = literal.octets(b"\xff\xff\xff\xff\xff")
        midnight = literal.octets(bytes(4))
        never = literal.array(literal.structure(midnight, rule))
        held.write("0-0:15.0.2", "execution_time", never)
        held.t += 86_400
        run_due(held.meter, held.t)
        self.assertTrue(held.value(SWITCH, "output_state"))
        self.assertEqual(held.read("0-0:15.0.2", "execution_time"), never)

    def test_limits(self) -> None:
        held = Bench()
        many = [1.0] * (MAX_TIMES + 1)
        self.assertIs(self.plan(held, *many), DataAccessResult.OTHER_REASON)
        wrong = literal.array(literal.structure(literal.octets(b""), literal.octets(b"")))
        result = held.write(SCHEDULE, "execution_time", wrong)
        self.assertIs(result, DataAccessResult.TYPE_UNMATCHED)

    def test_a_client_sees_it_done(self) -> None:
        held = Bench()
        security = MeterSecurity(MICROSTAR.security, held.meter.system_title, Random(1).randbytes)
        objects = Objects(held.meter, security, lambda: held.t, MICROSTAR)
        writer = MICROSTAR.clients[1]
        planned = held.attribute(SCHEDULE, "execution_time")
        objects.write(writer, planned, times(held.t + 60))
        held.t += 61
        state = objects.read(writer, held.attribute(SWITCH, "output_state"))
        self.assertEqual(state, literal.boolean(False))


def times(*instants: float) -> Data:
    entries = []
    for each in instants:
        moment = DateTime.from_datetime(datetime.datetime.fromtimestamp(each, datetime.UTC))
        time, date = moment.time.encode(), moment.date.encode()
        entries.append(literal.structure(literal.octets(time), literal.octets(date)))
    return literal.array(*entries)
