"""Bugs between a reading and its acknowledgement, and in what secures a meter."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant, module, trial
from tests.mutants.reading import STORM

KILLS: Final = module(
    "tests.kills", "--kills=24", "--each=8", "--jobs=3", word=r"\b[1-9]\d* violations"
)
CUTS: Final = module(
    "tests.powercut", "--cuts=2000", "--jobs=1", word=r"promises checked: .*\b[1-9]\d* [a-z]"
)
FORGERIES: Final = module(
    "benchmarks.forgeries",
    "--count=20000",
    word=r"\b[1-9][\d,]*  (accepted|moved a stored counter|genuine replies refused)",
)

KEEPING: Final = (
    Mutant.of(
        "a reading is told before its commit",
        "store/outbox.py",
        KILLS,
        (
            "            self._write_within(GROUP_SECONDS)\n        return done\n",
            "            self._write_within(GROUP_SECONDS)\n"
            "        told: Deferred[None] = Deferred()\n"
            "        told.callback(None)\n"
            "        return told\n",
        ),
    ),
    Mutant.of(
        "each group is committed with the next one",
        "store/database.py",
        KILLS,
        (
            'self.execute("ROLLBACK")\n        if self.synced',
            'self.execute("COMMIT")\n        if self.synced',
        ),
        ('            yield\n            database.execute("COMMIT")\n', "            yield\n"),
    ),
    Mutant.of(
        "a gap may come later than the reading that ends it",
        "meter/harvest.py",
        trial("tests.meter.test_gap_clocks"),
        (
            "            behind = self._gaps.expect(moment)\n",
            "            self._gaps.expect(moment)\n",
        ),
    ),
    Mutant.of(
        "NORMAL for FULL",
        "store/database.py",
        CUTS,
        ('("synchronous", "FULL", 2)', '("synchronous", "NORMAL", 1)'),
        ("{'FULL' if wanted else 'NORMAL'}", "NORMAL"),
    ),
    Mutant.of(
        "readings are committed as marks are",
        "store/batch.py",
        CUTS,
        ("self.take_marks(synced=True)", "self.take_marks(synced=False)"),
    ),
    Mutant.of(
        "counters of meters are not kept",
        "store/invocation.py",
        CUTS,
        ("    database.executemany(_KEEP, counters.items())\n", "    return\n"),
    ),
    Mutant.of(
        "only the first sink is owed a reading",
        "store/ledger.py",
        CUTS,
        ("        for sink in entry.sinks:\n", "        for sink in entry.sinks[:1]:\n"),
    ),
    Mutant.of(
        "marks wait a second, and the window does not",
        "store/outbox.py",
        KILLS,
        (
            "        elif not self._marking or len(self._gathering.marks) >= MARKS:\n"
            "            self._settle()\n",
            "        else:\n            self._write_within(1.0)\n",
        ),
        ("        return marked\n", "        return succeed(None)\n"),
    ),
    Mutant.of(
        "a reading that the disk refused is told as read",
        "store/outbox.py",
        STORM,
        ("waiting.done.errback(error)\n", "waiting.done.callback(None)\n"),
    ),
    Mutant.of(
        "delivered is what was published",
        "publish/courier.py",
        STORM,
        (
            "        self._flying[packet_id] = (message, ids)\n",
            "        self._flying[packet_id] = (message, ids)\n"
            "        self._outbox.delivered(ids)\n",
        ),
    ),
    Mutant.of(
        "delivered is what the broker refused",
        "publish/courier.py",
        STORM,
        ("            if reason < 0x80:\n", "            if reason < 0x100:\n"),
    ),
    Mutant.of(
        "the window has no end",
        "publish/mqtt.py",
        trial("tests.publish.test_mqtt", "tests.publish.test_courier"),
        ("return self._window - len(self._sent)", "return self._window"),
    ),
    Mutant.of(
        "the queue outlives its connection",
        "publish/lane.py",
        trial("tests.publish.test_courier"),
        ("        self.queue.clear()\n", ""),
    ),
    Mutant.of(
        "counters are used and not reserved",
        "store/invocation.py",
        KILLS,
        (
            "    database.execute(_RESERVE, (name, end))\n",
            "    database.execute(_RESERVE, (name, first))\n",
        ),
    ),
    Mutant.of(
        "counters go down when a meter tells a lower one",
        "store/invocation.py",
        trial("tests.store.test_invocation"),
        ("max(above, row[0])", "above or row[0]"),
        ("SET next = max(next, excluded.next)", "SET next = excluded.next"),
    ),
    Mutant.of(
        "a counter is believed before its tag",
        "dlms/security/channel.py",
        FORGERIES,
        (
            "        plain = self.gcm.open(control, title, counter, content, header)\n",
            "        self.received.accept(name, counter)\n"
            "        plain = self.gcm.open(control, title, counter, content, header)\n",
        ),
        ("        self.received.accept(self.name, self.counter)\n", "        return\n"),
    ),
    Mutant.of(
        "plain text passes under a policy",
        "dlms/security/context.py",
        FORGERIES,
        (
            "        elif self.policy is not SecurityPolicy.NONE:\n            raise PlainText",
            "        elif self.policy is None:\n            raise PlainText",
        ),
    ),
    Mutant.of(
        "less protection than the policy passes",
        "dlms/security/context.py",
        FORGERIES,
        ("or not self.policy.allows(control):", "or control.broadcast is None:"),
    ),
    Mutant.of(
        "the meter's proof is not looked at",
        "dlms/opening.py",
        trial("tests.dlms.test_association_high"),
        ("        self._high.handshake.check(self._challenges, proof)\n", "        return\n"),
    ),
    Mutant.of(
        "a refused proof by short names is taken for a done one",
        "dlms/reply.py",
        trial("tests.dlms.test_association_sn_high"),
        ("ActionAnswer(ActionResult(refusal))", "ActionAnswer(ActionResult.SUCCESS)"),
    ),
)
