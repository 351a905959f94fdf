"""``dlmsd provision`` as a process, against the stand-in of ThingsBoard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.mosquitto import free_port
from tests.integration.processes import ENVIRONMENT, ROOT, DaemonProcess, Meters, wait_until
from tests.integration.thingsboard import ThingsBoardProcess
from tests.owners import OTHER

SINK = '[[sinks]]\nname = "tb"\nkind = "{kind}"\nurl = "mqtt://127.0.0.1:{port}"\n'
LOGIN = "--username", "tenant@thingsboard.org"


class ProvisionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.server = self.serve()
        self.addCleanup(self.server.stop)
        self.secret("password", "tenant")

    def serve(self) -> ThingsBoardProcess:
        return ThingsBoardProcess()

    def secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(f"{text}\n")
        return path

    def begin(self, count: int, kind: str = "thingsboard", interval: float = 1.0) -> None:
        """Meters, and a daemon that is not started."""
        self.meters = Meters(self.folder, count)
        self.addCleanup(self.meters.stop)
        self.names = [one["name"] for one in self.meters.endpoints]
        text = SINK.format(kind=kind, port=self.server.port) + self.meters.configuration(interval)
        self.daemon = DaemonProcess(self.folder / "daemon", text, port=free_port())
        self.addCleanup(self.daemon.kill)

    def provision(self, *options: str, code: int = 0) -> list[dict[str, Any]]:
        """What it answers, which holds no token."""
        if "--key-file" not in options:
            password = str(self.folder / "password")
            options = (*options, "--url", self.server.url, *LOGIN, "--password-file", password)
        config = ("--config", str(self.daemon.config))
        done = subprocess.run(
            [sys.executable, "-m", "dlmsd", "provision", *options, "--json", *config],
            cwd=ROOT,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, code, done.stderr)
        for token in self.tokens():
            self.assertNotIn(token, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout.startswith("[") else []

    def tokens(self) -> list[str]:
        folder = self.daemon.folder / "tokens"
        return [path.read_text().strip() for path in folder.glob("*") if path.is_file()]

    def arrived(self) -> int:
        """How many meters have telemetry there."""
        return sum(bool(self.server.series(name)) for name in self.names)


class FromNothingTests(ProvisionCase):
    def test_200_meters_by_one_command_and_their_telemetry(self) -> None:
        self.begin(200, interval=20.0)
        told = self.provision()
        self.assertEqual([one["outcome"] for one in told], ["created"] * 200)
        self.assertEqual(len(set(self.tokens())), 200)
        self.daemon.start()
        wait_until(lambda: self.arrived() == 200, "every meter's telemetry", 120)
        again = self.provision()
        self.assertEqual([one["outcome"] for one in again], ["found"] * 200)
        for one, other in zip(told, again, strict=True):
            self.assertEqual(one["fingerprint"], other["fingerprint"])
        device = self.server.device(self.names[0])
        assert device is not None
        self.assertEqual(device["type"], "DLMS meter")


class CommandTests(ProvisionCase):
    def test_a_dry_run_then_some_then_all(self) -> None:
        self.begin(3)
        before = self.daemon.config.read_text()
        told = self.provision("--dry-run")
        self.assertEqual([one["outcome"] for one in told], ["to be created"] * 3)
        self.assertEqual((self.daemon.config.read_text(), self.tokens()), (before, []))
        self.assertIsNone(self.server.device(self.names[0]))
        told = self.provision(self.names[1])
        self.assertEqual([one["name"] for one in told], [self.names[1]])
        outcomes = [one["outcome"] for one in self.provision()]
        self.assertEqual(outcomes, ["created", "found", "created"])
        found = tomllib.loads(self.daemon.config.read_text())["meters"]
        files = [{"file": f"tokens/{name}.token"} for name in self.names]
        self.assertEqual([one["token"] for one in found], files)

    def test_tokens_are_sealed_where_there_is_a_key(self) -> None:
        self.begin(2)
        text = self.daemon.config.read_text()
        keyed = text.replace("[daemon]\n", f'[daemon]\nregistry_key = "{"5A" * 32}"\n')
        self.daemon.config.write_text(keyed)
        self.provision()
        found = tomllib.loads(self.daemon.config.read_text())["meters"]
        files = [{"sealed": f"tokens/{name}.token"} for name in self.names]
        self.assertEqual([one["token"] for one in found], files)
        self.daemon.start()
        wait_until(lambda: self.arrived() == 2, "every meter's telemetry", 60)
        self.assertEqual([one["outcome"] for one in self.provision()], ["found"] * 2)
        for name in self.names:
            device = self.server.device(name)
            assert device is not None
            credentials = self.server.call(f"/api/device/{device['id']['id']}/credentials")
            for path in self.daemon.folder.rglob("*"):
                if path.is_file():
                    self.assertNotIn(credentials["credentialsId"].encode(), path.read_bytes())
        # A lost file is written anew, sealed as the configuration says.
        (self.daemon.folder / files[0]["sealed"]).unlink()
        self.assertEqual([one["outcome"] for one in self.provision()], ["found"] * 2)
        self.daemon.stop()
        self.daemon.start()

    def test_tokens_of_a_service_are_where_it_can_read_them(self) -> None:
        """Its user, whom we can only be another than as root, owns the state folder alone."""
        self.begin(1)
        state = self.daemon.folder / "state"
        self.daemon.config.chmod(0o644)
        if apart := os.geteuid() == 0:
            state.mkdir(mode=0o700, exist_ok=True)
            os.chown(state, OTHER, OTHER)
        self.provision()
        tokens = (state if apart else self.daemon.folder) / "tokens"
        (file,) = tokens.iterdir()
        self.assertEqual({one.stat().st_uid for one in (file, tokens)}, {state.stat().st_uid})
        (meter,) = tomllib.loads(self.daemon.config.read_text())["meters"]
        named = str(file) if apart else f"tokens/{file.name}"
        self.assertEqual(meter["token"], {"file": named})

    def test_lost_tokens_are_fetched_again(self) -> None:
        self.begin(2)
        self.provision()
        tokens, config = self.tokens(), self.daemon.config.read_text()
        for path in (self.daemon.folder / "tokens").iterdir():
            path.unlink()
        self.assertEqual([one["outcome"] for one in self.provision()], ["found"] * 2)
        self.assertEqual((self.tokens(), self.daemon.config.read_text()), (tokens, config))

    def test_a_gateway(self) -> None:
        self.begin(3, "thingsboard-gateway")
        [told] = self.provision("--gateway-name", "The gateway")
        self.assertEqual((told["outcome"], told["device"]), ("created", "The gateway"))
        self.daemon.start()
        wait_until(lambda: self.arrived() == 3, "every meter's telemetry", 60)

    def test_by_key_and_secret(self) -> None:
        self.begin(3)
        key, secret = self.secret("key", "key"), self.secret("secret", "secret")
        options = ("--key-file", str(key), "--secret-file", str(secret))
        for outcome in ("created", "found"):
            told = self.provision(*options)
            self.assertEqual([one["outcome"] for one in told], [outcome] * 3)
        self.daemon.start()
        wait_until(lambda: self.arrived() == 3, "every meter's telemetry", 60)

    def test_what_cannot_be_done(self) -> None:
        self.begin(1)
        self.secret("password", "wrong")
        self.assertEqual(self.provision(code=1), [])
        self.secret("password", "tenant")
        self.provision("nobody", code=64)
        self.provision("--sink", "nobody", code=64)
        self.daemon.config.write_text("nonsense")
        self.provision(code=78)
