"""REST of the running daemon: its health, reload, backup, trail and documents."""

from __future__ import annotations

import io
import tarfile

from tests.integration.rest import MoreCase, ask


class SystemTests(MoreCase):
    def test_the_whole_system(self) -> None:
        self.begin()
        number = self.add(1)
        health = self.good("GET", "/api/system/health")
        self.assertEqual(
            health,
            self.good("GET", "/api/health")
            | {"timestamp": health["timestamp"], "queued": health["queued"]},
        )
        self.assertEqual((health["status"], health["meters"]), ("degraded", {"healthy": 1}))
        status = self.good("GET", "/api/system/status")
        self.assertEqual((status["total_meters"], status["active_meters"]), (1, 1))
        self.assertEqual(
            status["committed"],
            status["delivered"] + sum(status["queued"].values()) + status["dropped"],
        )
        self.daemon.config.write_text(self.daemon.config.read_text() + "[[meters]\n")
        broken = self.ask("POST", "/api/system/reload")
        self.assertEqual(broken.status, 409)
        self.assertIn("dlmsd.toml", broken.json["errors"][0]["message"])
        self.daemon.config.write_text(self.daemon.config.read_text().removesuffix("[[meters]\n"))
        self.assertEqual(self.good("POST", "/api/system/reload")["problems"], [])
        self.assertEqual(ask(self.base, "GET", "/api/system/backup").status, 401)
        backup = self.ask("GET", "/api/system/backup")
        with tarfile.open(fileobj=io.BytesIO(backup.body)) as archive:
            self.assertIn("registry.db", archive.getnames())
        self.good("PATCH", f"/api/meters/{number}", {"interval": 3})
        trail = self.good("GET", "/api/audit")
        self.assertEqual({one["who"] for one in trail}, {"web"})
        actions = {one["action"] for one in trail}
        self.assertLessEqual({"meter added", "override", "reload", "backup"}, actions)
        self.assertEqual(self.good("GET", "/api/diagnostics"), [])
        told = self.ask("GET", "/metrics").body.decode()
        self.assertIn('dlmsd_meter_up{meter="medidor_planta_A"} ', told)
        self.assertEqual(self.good("GET", "/api")["name"], "dlmsd")
        self.assertEqual(self.good("GET", "/api/openapi.json")["openapi"], "3.1.0")
        page = self.ask("GET", "/api/docs")
        self.assertNotIn(b"<script", page.body)
        self.assertIn(b"/api/meters/{id}/readings", page.body)
        self.end()
