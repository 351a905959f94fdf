"""The commented files in ``etc`` against the code: the reference must not lie."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from attrs import NOTHING, fields

from dlmsd.config import tables
from dlmsd.config.load import load
from dlmsd.config.notice import NoticeOptions, WatchOptions
from dlmsd.config.secrets import SecretReader
from dlmsd.config.values import (
    DaemonOptions,
    MeterOptions,
    OutboxOptions,
    PushOptions,
    SinkOptions,
    WebOptions,
)
from tests.config.case import ConfigurationCase

ETC = Path(__file__).parents[2] / "etc"
REFERENCE = (ETC / "dlmsd.toml").read_text()
DEFAULT = re.compile(r"^#(?=[a-z_.0-9]+ = )", re.MULTILINE)
EXAMPLE = re.compile(r"^##(?=[a-z_.0-9]+ = )", re.MULTILINE)
# What goes only with transport = "push", and the listener that stands there as text.
PUSHED = re.compile(r"^##?(?=(?:push|serial_number|expect_every|push_\w+) = )", re.MULTILINE)
LISTENER = re.compile(r"^#   (?=\[\[push\]\]|# |\w+ = )", re.MULTILINE)
RECEIVER = re.compile(r"^#   (?=\[\[notices\]\]|# |\w+ = )", re.MULTILINE)


def defaults(cls: type[Any]) -> dict[str, object]:
    return {one.name: one.default for one in fields(cls) if one.default is not NOTHING}


def chosen(value: object, cls: type[Any]) -> dict[str, object]:
    return {name: getattr(value, name) for name in defaults(cls)}


class ReferenceTests(ConfigurationCase):
    def test_as_it_is_shipped(self) -> None:
        configuration = load(ETC / "dlmsd.toml", environ={})
        (meter,) = configuration.meters
        self.assertEqual((meter.profile, len(meter.read)), ("microstar", 10))
        self.assertEqual([sink.url for sink in configuration.sinks], ["mqtt://localhost:1883"])

    def test_the_commented_defaults_are_the_defaults(self) -> None:
        uncommented, count = DEFAULT.subn("", REFERENCE)
        self.assertGreater(count, 25)
        uncommented = uncommented.replace("\nexpect_every", "\n#expect_every")
        configuration = self.load(uncommented)
        for value in (
            configuration.daemon,
            configuration.web,
            configuration.outbox,
            configuration.watch,
        ):
            self.assertEqual(chosen(value, type(value)), defaults(type(value)))
        self.assertEqual(configuration.daemon.state_dir, self.load("").daemon.state_dir)
        self.assertEqual(chosen(configuration.sinks[0], SinkOptions), defaults(SinkOptions))
        meter = chosen(configuration.meters[0], MeterOptions)
        # The profile gives the password; the sinks are all sinks.
        self.assertEqual(meter | {"password": None, "sinks": ()}, defaults(MeterOptions))
        self.assertEqual(meter["sinks"], ("local",))

    def test_every_option_stands_in_it(self) -> None:
        document = tomllib.loads(EXAMPLE.sub("", DEFAULT.sub("", REFERENCE)))
        for section, cls in (
            ("daemon", DaemonOptions),
            ("web", WebOptions),
            ("outbox", OutboxOptions),
            ("watch", WatchOptions),
        ):
            self.assertEqual(set(document[section]), {one.name for one in fields(cls)})
        sink = set(document["sinks"][0])
        self.assertEqual(sink | {"token"}, {one.name for one in fields(SinkOptions)})
        self.assertIn("token = ", REFERENCE.partition('thingsboard-gateway" only')[2][:200])
        self.assertEqual(
            set(document["meters"][0]), {one.name for one in fields(tables.MeterTable)}
        )

    def test_the_examples_are_legal(self) -> None:
        self.write("registry.key", "5A" * 32)
        for name in ("web.token", "broker.password", "plant-a.password"):
            self.write(name, "canary")
        for name in ("encryption", "authentication", "master"):
            self.write(f"plant-a.{name}_key", "5A" * 16)
        for name in ("signing", "agreement"):
            self.write(f"plant-a.{name}_key", "5A" * 32)
        for name in ("ca.pem", "client.pem", "client.key"):
            self.write(name, "")
        asked = PUSHED.sub("# ", REFERENCE)
        text = EXAMPLE.sub("", DEFAULT.sub("", asked)).replace("mqtt://l", "mqtts://l")
        text = text.replace("\ntls = false", "\ntls = true")
        for of_another_transport in ('device = "/dev/ttyUSB0"', 'announces = "meter-17"'):
            text = text.replace(f"\n{of_another_transport}\n", "\n")
        text = re.sub(r"\nmqtt_.*", "", text)  # it has a token
        (meter,) = self.load(text, PLANT_A_TOKEN="canary").meters
        self.secure(text)
        self.assertEqual(
            {one.name: one.key for one in meter.read if one.name != one.key},
            {"tariff": "tariff_now"},
        )
        self.assertNotIn("current_l3", [one.name for one in meter.read])

    def test_the_examples_of_pushes_are_legal(self) -> None:
        text = PUSHED.sub("", REFERENCE).replace('#transport = "tcp"', 'transport = "push"')
        head, listener, rest = re.split(r"(?=^#   \[\[push|^# --- Notices)", text, flags=re.M)
        configuration = self.load(head + LISTENER.sub("", listener) + rest.replace("\nhost", "\n#"))
        (meter,), (push,) = configuration.meters, configuration.push
        self.assertEqual(chosen(push, PushOptions), defaults(PushOptions) | {"listen": "tcp:4059"})
        self.assertEqual([len(one) for one in meter.push_lists], [1, 4])
        self.assertEqual((meter.push, meter.expect_every), ("han", 900.0))

    def test_the_examples_of_notices_are_legal_and_complete(self) -> None:
        for name in ("mail.password", "sms.authorization", "ca.pem"):
            self.write(name, "canary")
        text = re.search(r"^\[watch\].*?(?=^# --- Profiles)", REFERENCE, re.M | re.S)
        assert text is not None
        allowed = text[0].replace("#notice_hosts = []", 'notice_hosts = ["hooks.example.com"]')
        mail, webhook = self.load(RECEIVER.sub("", EXAMPLE.sub("", allowed))).notices
        said = tomllib.loads(RECEIVER.sub("", text[0]))["notices"]
        self.assertEqual(set(said[0]) | set(said[1]), {one.name for one in fields(NoticeOptions)})
        # What has a default is shown with it.
        own = ("port", "ca_file", "username", "password", "sender", "recipients", "host")
        own += ("quiet", "urgent", "daily", "timezone", "language")
        shown = {k: v for k, v in chosen(mail, NoticeOptions).items() if k not in own}
        self.assertEqual(
            shown,
            {k: v for k, v in defaults(NoticeOptions).items() if k in shown} | {"headers": {}},
        )
        self.assertEqual(webhook.content_type, "application/json")

    def secure(self, text: str) -> None:
        """The examples go with the strongest choices, too."""
        for old, new in (
            ('security = "none"', 'security = "authenticated-encrypted"'),
            ("security_suite = 0", "security_suite = 1"),
            ('authentication = "low"', 'authentication = "high-ecdsa"'),
            ("dedicated_key = false", "dedicated_key = true"),
            ('ciphering = "service"', 'ciphering = "one-pass"'),
            ("signed = false", "signed = true"),
        ):
            self.assertEqual(text.count(f"\n{old}"), 1)
            text = text.replace(f"\n{old}", f"\n{new}")
        (meter,) = self.load(text, PLANT_A_TOKEN="canary").meters
        self.assertEqual((meter.authentication, meter.security_suite), ("high-ecdsa", 1))

    def test_every_option_has_a_rule(self) -> None:
        def rule(value: object) -> object:
            return value

        all_rules = tables.file_rules(SecretReader(self.folder, {}), rule, rule, rule, rule)
        for cls, ruled in all_rules.items():
            self.assertEqual(set(ruled), {one.name for one in fields(cls)})
        meter = {one.name for one in fields(MeterOptions)}
        self.assertEqual({one.name for one in fields(tables.MeterTable)}, meter)
