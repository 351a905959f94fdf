"""Log lines: filtered by level, as text and as JSON."""

import io
import json
from decimal import Decimal
from pathlib import Path

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import DaemonOptions
from dlmsd.logs import Recent, observer
from dlmsd.secret import Secret


class LogTests(SynchronousTestCase):
    def lines(self, **options: str) -> list[str]:
        out = io.StringIO()
        log = Logger(
            namespace="dlmsd.test", observer=observer(DaemonOptions(Path("var"), **options), out)
        )
        log.debug("{meter}: frame", meter="a")
        log.info("{meter}: {values}", meter="a", values={"u": Decimal("230.10")})
        log.warn("{meter}: trouble", meter="ñ", password=Secret("hunter22"))
        try:
            raise ValueError("boom")
        except ValueError:
            log.failure("it failed", meter="a")
        return out.getvalue().splitlines()

    def test_the_level_holds_back_what_is_below(self) -> None:
        for level, first in (("debug", "frame"), ("info", "230.10"), ("warn", "trouble")):
            self.assertIn(first, self.lines(log_level=level)[0])

    def test_json_is_one_object_a_line_with_the_events_fields(self) -> None:
        parsed = [json.loads(line) for line in self.lines(log_format="json")]
        self.assertEqual([line["level"] for line in parsed], ["info", "warn", "critical"])
        self.assertEqual(parsed[0]["meter"], "a")
        self.assertEqual(parsed[0]["values"], {"u": 230.10})
        self.assertEqual(parsed[0]["from"], "dlmsd.test")
        self.assertEqual(parsed[1]["message"], "ñ: trouble")
        self.assertIn("boom", parsed[2]["failure"])

    def test_no_secret_in_either(self) -> None:
        for form in ("text", "json"):
            self.assertNotIn("hunter22", "\n".join(self.lines(log_format=form)))

    def test_the_last_lines_are_kept_the_newest_first_and_no_secret(self) -> None:
        recent = Recent("info")
        log = Logger(namespace="dlmsd.test", observer=recent)
        log.debug("{meter}: frame", meter="a")
        log.warn("{meter}: {password}", meter="ñ", password=Secret("hunter22"))
        try:
            raise ValueError("boom")
        except ValueError:
            log.failure("it failed")
        failed, warned = recent
        self.assertEqual((warned.number, warned.level, warned.text), (1, "warn", "ñ: ***"))
        self.assertEqual(
            (failed.number, failed.level, failed.namespace), (2, "critical", "dlmsd.test")
        )
        self.assertIn("boom", failed.text)
        for number in range(1100):
            log.info("{number} {text}", number=number, text="x" * 3000)
        kept = list(recent)
        self.assertEqual((len(kept), kept[0].number, len(kept[0].text)), (1000, 1102, 2000))
