"""Log lines: filtered by level, as text and as JSON."""

import io
import json
from decimal import Decimal
from pathlib import Path

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import DaemonOptions
from dlmsd.logs import Recent, observer, stream
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


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.mkdir()
        self.path /= "dlmsd.log"
        self.out = stream({"logfile": str(self.path)})
        self.addCleanup(lambda: self.out.close())

    def moved(self, name: str) -> Path:
        return self.path.rename(self.path.with_name(name))

    def test_a_file_that_was_moved_away_is_begun_anew_with_its_mode(self) -> None:
        self.path.chmod(0o640)
        self.out.close()
        self.out = stream({"logfile": str(self.path)})
        self.out.write("one\n")
        first = self.moved("dlmsd.log-1")
        self.out.write("two\n")
        self.out.write("three\n")
        second = self.moved("dlmsd.log-2")
        self.path.touch()  # as logrotate's `create` does
        self.out.write("four\n")
        told = [one.read_text() for one in (first, second, self.path)]
        self.assertEqual(told, ["one\n", "two\nthree\n", "four\n"])
        self.assertEqual(second.stat().st_mode & 0o777, 0o640)

    def test_where_none_can_be_begun_the_moved_one_goes_on(self) -> None:
        self.out.write("one\n")
        first = self.moved("dlmsd.log-1")
        self.path.mkdir()
        self.out.write("two\n")
        self.path.rmdir()
        self.out.write("three\n")
        self.assertEqual((first.read_text(), self.path.read_text()), ("one\ntwo\n", "three\n"))

    def test_by_itself_it_begins_another_at_1_mb(self) -> None:
        for letter in "abc":
            self.out.write(letter * 600_000)
        kept = sorted(one.name for one in self.path.parent.iterdir())
        self.assertEqual(kept, ["dlmsd.log", "dlmsd.log.1"])
        self.moved("dlmsd.log-1")
        self.out.write("d")
        self.assertEqual(self.path.read_text(), "d")
