"""Meters on trial through the running daemon: the test before adding, traces, profiles, gaps."""

from __future__ import annotations

from decimal import Decimal

from tests.integration.processes import wait_until
from tests.integration.rest import RestCase


class TrialTests(RestCase):
    def test_a_meter_is_read_and_not_kept(self) -> None:
        self.begin()
        told = self.good("POST", "/api/meters/test", self.documented())
        self.assertTrue(told["ok"], told)
        self.assertEqual(set(told["values"]), {"voltage_l1", "current_l1", "active_power"})
        self.assertIsInstance(told["values"]["voltage_l1"], Decimal)
        self.assertEqual(told["units"]["voltage_l1"], "V")
        self.assertEqual((told["error"], told["absent"], told["also"]), ("", {}, []))
        meanings = "\n".join(one["meaning"] for one in told["frames"])
        self.assertIn("SNRM", meanings)
        self.assertIn("get-request", meanings)
        self.assertEqual(self.good("GET", "/api/meters"), [])
        (change,) = [one for one in self.good("GET", "/api/audit") if "tested" in one["action"]]
        self.assertEqual(change["subject"], "medidor_planta_A")
        self.end()

    def test_why_it_did_not_answer(self) -> None:
        self.begin()
        body = self.documented()
        told = self.good("POST", "/api/meters/test", {**body, "password": "wrong-one"})
        self.assertFalse(told["ok"])
        self.assertTrue(told["error"] and told["advice"], told)
        self.assertNotIn("wrong-one", str(told))
        self.assertNotIn(b"wrong-one".hex(" "), str(told))
        told = self.good("POST", "/api/meters/test", {**body, "port": 1})
        self.assertIn("refused", told["error"])
        wrong = self.ask("POST", "/api/meters/test", {**body, "profile": "nothing"})
        self.assertEqual(wrong.status, 422)
        self.assertEqual(wrong.json["errors"][0]["field"], "profile")
        self.assertEqual(self.ask("POST", "/api/meters/test", body, Authorization="").status, 401)
        self.end()

    def test_an_edited_meter_keeps_its_secrets(self) -> None:
        self.begin()
        body = self.documented()
        meter = self.good("POST", "/api/meters", {**body, "password": "22222222"})
        path = f"/api/meters/test?id={meter['id']}"
        self.assertEqual(self.ask("POST", "/api/meters/test", body).status, 409)
        told = self.good("POST", path, {**body, "measurements": ["voltage_l1"]})
        self.assertEqual(set(told["values"]), {"voltage_l1"}, told)
        self.assertEqual(told["also"], ["medidor_planta_A"])
        good = self.daemon.status()["meters"][0]["good"]
        wait_until(lambda: self.daemon.status()["meters"][0]["good"] > good, "it is read again")
        self.assertEqual(self.ask("POST", "/api/meters/test?id=99", body).status, 404)
        self.end()

    def test_a_trace_of_a_meter_that_is_read(self) -> None:
        self.begin()
        number = self.good("POST", "/api/meters", self.documented())["id"]
        path = f"/api/meters/{number}/trace"
        wait_until(lambda: self.daemon.status()["meters"][0]["good"], "it is read")
        told = self.good("POST", path)
        self.assertEqual(told["error"], "")
        self.assertEqual(told["frames"][0]["direction"], "sent")
        meanings = "\n".join(one["meaning"] for one in told["frames"])
        self.assertIn("get-response", meanings)
        self.assertEqual(self.ask("POST", path, Authorization="").status, 401)
        self.good("POST", f"/api/meters/{number}/stop")
        self.assertEqual(self.ask("POST", path).status, 409)
        gaps = self.good("GET", f"/api/meters/{number}/gaps?from=0")
        self.assertEqual([one["meter_id"] for one in gaps], [number] * len(gaps))
        self.end()

    def test_profiles(self) -> None:
        self.begin()
        profiles = {one["name"]: one for one in self.good("GET", "/api/profiles")}
        self.assertEqual(profiles["microstar"]["port"], 3333)
        self.assertIn("voltage_l1", profiles["microstar"]["measurements"])
        self.assertNotIn("22222222", str(profiles))
        self.end()
