"""``dlmsd profile`` against virtual meters over real TCP."""

from __future__ import annotations

import csv
import datetime
import json
from itertools import pairwise

from tests.integration.test_errands import ErrandCase

LOAD = "1-0:99.1.0"


class ProfileTests(ErrandCase):
    def test_the_newest_as_a_table(self) -> None:
        ended = self.visit("profile", LOAD, "--last=5", "--profile=microstar")
        self.assertEqual(ended.returncode, 0, ended)
        head, _, *rows = ended.stdout.splitlines()
        # The profile of the meter names what its load profile keeps under channel 1, too.
        self.assertRegex(head, r"^time +status +0-0:96.10.1 +active_energy \(kWh\) .* note$")
        self.assertEqual(len(rows), 5)
        self.assertRegex(ended.stderr, r"^5 rows, the last of 20")

    def test_csv_into_a_file_over_connections_that_break(self) -> None:
        file = self.folder / "rows.csv"
        ended = self.visit(
            "profile",
            *(LOAD, "--from=-3d", "--to=-1d", "--csv", f"-o{file}"),
            *("--logical=1", "--physical=17"),
            personality="plain",
            password="22222222",
            faults=("reset=every:50",),
        )
        self.assertEqual((ended.returncode, ended.stdout), (0, ""), ended)
        self.assertIn("attempt 2 of 5 in 2 s, ", ended.stderr)
        head, *rows = csv.reader(file.open())
        self.assertEqual(head[3], "1-0:1.8.0 (Wh)")
        times = [datetime.datetime.fromisoformat(row[0]) for row in rows]
        self.assertIn(len(times), (192, 193))
        steps = {after - before for before, after in pairwise(times)}
        self.assertEqual(steps, {datetime.timedelta(minutes=15)})

    def test_json_in_the_meters_zone(self) -> None:
        ended = self.visit(
            "profile",
            *(LOAD, "--from=-3h", "--json", "--timezone=America/Bogota", "--profile=microstar"),
        )
        told = json.loads(ended.stdout)
        self.assertIn(len(told["rows"]), (12, 13))
        self.assertTrue(all(row["time"].endswith("-05:00") for row in told["rows"]))
        self.assertEqual((told["complete"], told["profile"]), (True, LOAD))

    def test_short_names_by_range_and_by_entry(self) -> None:
        """A range of time, the newest by entry, and over connections that break."""
        by_name = ("--referencing=sn", "--json", "--trace")
        for arguments, faults, count in (
            (("--from=-6h", "--to=-3h"), (), (12, 13)),
            (("--last=20",), (), (20,)),
            (("--from=-2d", "--to=-1d"), ("reset=every:100",), (96, 97)),
        ):
            ended = self.visit(
                *("profile", LOAD, *arguments, *by_name),
                personality="short-names",
                password="22222222",
                faults=faults,
            )
            self.assertEqual(ended.returncode, 0, ended)
            told = json.loads(ended.stdout)
            self.assertEqual((told["complete"], len(told["rows"]) in count), (True, True), ended)
            times = [datetime.datetime.fromisoformat(row["time"]) for row in told["rows"]]
            steps = {after - before for before, after in pairwise(times)}
            self.assertEqual(steps, {datetime.timedelta(minutes=15)})
            self.assertIn("read-request", ended.stderr)
            self.assertNotIn("get-request", ended.stderr)
            # Association SN, object_list: it is long, and one connection learns it for all.
            self.assertEqual(ended.stderr.count("name: 64008"), 1)
            self.assertEqual("attempt 2 of 5" in ended.stderr, bool(faults))

    def test_no_such_profile(self) -> None:
        ended = self.visit("profile", "1-0:99.9.9", "--json", "--profile=microstar")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("object-undefined", ended.stderr)

    def test_wrong_use(self) -> None:
        for wrong in (
            (LOAD, "--last=1", "--from=today"),
            (LOAD, "--csv", "--json"),
            (LOAD, "--from=now", "--to=-1d"),
            (LOAD, "--from=soon"),
            ("nonsense",),
        ):
            ended = self.visit("profile", *wrong, "--profile=microstar")
            self.assertEqual(ended.returncode, 64, ended)
