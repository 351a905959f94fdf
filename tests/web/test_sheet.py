"""Meters as CSV and JSON: what a document means, and where it is wrong."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.desk import UnfitMeterError
from dlmsd.secret import Secret
from dlmsd.store.own import Override, OwnMeasurement, OwnMeter
from dlmsd.web.api.entry import entry_of, meter_of
from dlmsd.web.api.sheet import decoded, read, write

FULL = {
    "name": "Plant, A",
    "host": "10.0.0.1",
    "port": 4059,
    "interval": Decimal("2.5"),
    "dedicated_key": True,
    "serial_number": "00012",
    "system_title": "4142434445464748",
    "sinks": ["a", "b (c)"],
    "recovery": {"watchdog": 90},
    "tb_enabled": False,
    "measurements": [{"measurement_name": "x", "obis_code": "1-0:1.8.0", "enabled": False}],
    "password": 'semi;colon "quoted",\nno',
}


class FormTests(SynchronousTestCase):
    def test_what_is_written_is_read(self) -> None:
        for form in ("csv", "json"):
            bare = {"name": "B", "host": "h", "measurements": ["x", "y"]}
            rows, faults = read(write([FULL, bare], form))  # type: ignore[arg-type]
            self.assertEqual(faults, [])
            self.assertEqual([row.entry for row in rows], [FULL, bare], form)

    def test_nothing(self) -> None:
        for form in ("csv", "json"):
            self.assertEqual(read(write([], form)), ([], []))  # type: ignore[arg-type]

    def test_as_spreadsheets_write(self) -> None:
        text = decoded("\ufeffname;host;sinks\r\nPeñón;h;a\r\n;;\r\n\r\n".encode())
        (row,), faults = read(text)
        self.assertEqual((row.entry, faults), ({"name": "Peñón", "host": "h", "sinks": ["a"]}, []))
        self.assertEqual(decoded("Peñón".encode("cp1252")), "Peñón")

    def test_a_first_line_that_names_no_columns_is_not_repeated(self) -> None:
        rows, faults = read("Plant A,10.0.0.1,canary\nPlant B,10.0.0.2,canary\n")
        self.assertEqual((rows, [one.spot for one in faults]), ([], [(1, 1)]))
        self.assertNotIn("canary", str(faults))

    def test_places(self) -> None:
        csv = 'name,host,port\nA,"h\n",1\nB,h,2\n'
        rows, _ = read(csv)
        self.assertEqual(rows[1].fault("port", "").spot, (4, 3))
        self.assertEqual(rows[1].fault("token", "").spot, (4, 1))
        rows, _ = read('[{"name": "A"},\n  {"name": "B", "x": {"port": 1},\n   "port" : 2}]')
        self.assertEqual(rows[0].fault("name", "").spot, (1, 3))
        self.assertEqual(rows[1].fault("port.more", "").spot, (3, 4))
        self.assertEqual(rows[1].fault("x[1]", "").spot, (2, 17))
        self.assertEqual(rows[1].fault("host", "").spot, (2, 3))

    def test_what_is_no_document(self) -> None:
        for text, spot in (
            ("name,name\n", (1, 2)),
            ("host,port\n", (1, 1)),
            ("name,host\nA,b,c\n", (2, 3)),
            ('name,host\nA,"b\n', (2, 1)),
            ('name,host\nA,"b"c\n', (2, 1)),
            ('[{"name": "A"}', (1, 15)),
            ("[\n 5]", (2, 2)),
            ("[]\n[]", (1, 3)),
            ('{"name": "A"}', (1, 1)),
            ("[" * 100_000, (1, 1)),
        ):
            _, faults = read(text)
            self.assertEqual([one.spot for one in faults], [spot], text[:40])
            self.assertNotEqual(faults[0].message, "")

    def test_numbers_that_nobody_can_read_are_refused_where_they_stand(self) -> None:
        for key, value in (
            ("port", "9" * 5000),
            ("interval", "1e" + "9" * 30),
            ("measurements", f"[{'9' * 5000}]"),
            ("measurements", f"[1e{'9' * 30}]"),
            ("measurements", "[" * 100_000),
            ("port", "--5"),
        ):
            documents = [f"name,host,{key}\nA,h,{value}\n"]
            if value[-1] != "[" and value[0] != "-":
                documents.append(f'[{{"name": "A", "host": "h", "{key}": {value}}}]')
            for text in documents:
                (row,), faults = read(text)
                self.assertEqual(faults, [])
                with self.assertRaises(UnfitMeterError, msg=text[:60]) as raised:
                    meter_of(row.entry, {}, None)
                self.assertEqual(len(raised.exception.problems), 1)


class EntryTests(SynchronousTestCase):
    OWN = OwnMeter(
        "A",
        {"profile": "p", "host": "h", "thingsboard": {"enabled": False, "host": "t", "port": None}},
        {"token": Secret("hidden")},
        (OwnMeasurement("x"), OwnMeasurement("y", enabled=False)),
    )

    def test_names_where_they_say_it_all(self) -> None:
        self.assertEqual(
            entry_of(self.OWN, Override(), ("x", "y"), secrets=False),
            {
                **{"name": "A", "host": "h", "profile": "p", "status": "active"},
                **{"measurements": ["x"], "tb_enabled": False, "tb_host": "t"},
            },
        )
        found = entry_of(self.OWN, Override(), ("x",), secrets=False)["measurements"]
        off = {"measurement_name": "y", "enabled": False}
        self.assertEqual(found, [{"measurement_name": "x"}, off])

    def test_what_an_operator_wants(self) -> None:
        wanted = Override("inactive", 9.0, "new", "A")
        found = entry_of(self.OWN, wanted, (), secrets=True)
        told = [found[key] for key in ("status", "interval", "device_name", "token")]
        self.assertEqual(told, ["inactive", 9.0, "new", "hidden"])
        wanted = Override(device_name="new", renamed_from="another")
        self.assertNotIn("device_name", entry_of(self.OWN, wanted, (), secrets=False))

    def test_there_and_back(self) -> None:
        for read_ in ((), ("x", "y")):
            entry = entry_of(self.OWN, Override(), read_, secrets=True)
            profiles = {"p": type("P", (), {"read": read_})}
            made = meter_of(entry, profiles, None)
            self.assertEqual(entry_of(made, Override(), read_, secrets=True), entry)
            self.assertEqual(set(made.measurements), set(self.OWN.measurements))
        rows = (OwnMeasurement("z", "1-0:1.8.0", True, 60.0, "kwh"),)
        entry = entry_of(evolve(self.OWN, measurements=rows), Override(), (), secrets=True)
        self.assertEqual(meter_of(entry, {}, None).measurements, rows)

    def test_what_is_wrong_is_named(self) -> None:
        rows = [{"measurement_name": "x", "obis_code": "y"}]
        entry = {"name": "A", "host": "h", "measurements": rows}
        error = self.assertRaises(UnfitMeterError, meter_of, entry, {}, None)
        self.assertEqual([one.key for one in error.problems], ["measurements[0].obis_code"])
        error = self.assertRaises(UnfitMeterError, meter_of, {"name": "A", "port": "x"}, {}, None)
        self.assertEqual({one.key for one in error.problems}, {"ip_address", "port"})
