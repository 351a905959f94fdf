"""What the tables of a file may say, before profiles and defaults are joined.

None means that the table does not say it: the defaults live in ``values.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

from attrs import fields, frozen

from dlmsd.config import rules
from dlmsd.config.broker import url
from dlmsd.config.calls import announcement, listen_calls
from dlmsd.config.listen import listen
from dlmsd.config.mechanisms import manufacturer
from dlmsd.config.notice import NoticeOptions, WatchOptions, notice_rules, watch_rules
from dlmsd.config.push import connect, listen_push, push_lists, push_units
from dlmsd.config.recovery import RULES, RecoveryTable
from dlmsd.config.rules import YEAR, Rule
from dlmsd.config.secrets import REGISTRY_KEY, SecretReader
from dlmsd.config.values import (
    Authentication,
    Ciphering,
    DaemonOptions,
    DialInOptions,
    Opening,
    OutboxOptions,
    Parity,
    PushFraming,
    PushOptions,
    PushUnit,
    Security,
    SinkOptions,
    Transport,
    WebOptions,
)
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.quirks import Quirk
from dlmsd.dlms.security.manufacturer import Manufacturer
from dlmsd.dlms.security.suite import SUITES
from dlmsd.dlms.xdlms.block import MAX_WINDOW
from dlmsd.secret import Secret

# No meter answers sooner, and no page shows more.
_SHORTEST: Final = Decimal("0.1")
# What serial ports commonly have (POSIX termios).
_RATES: Final = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
# One connection in a hundred seconds; less would never see all meters.
_SLOWEST: Final = Decimal("0.01")


@frozen
class MeasurementTable:
    """One entry of ``read``."""

    obis: Obis | None = None
    class_id: int | None = None
    attribute: int | None = None
    scale: Decimal | None = None
    unit: str | None = None
    every: float | None = None
    key: str | None = None
    compact: Obis | None = None


@frozen
class ReadTable:
    """``read``: measurements by name, None for ``name = false``.

    ``listed`` is true for the form of a list, which selects instead of adding.
    """

    entries: Mapping[str, MeasurementTable | None]
    listed: bool = False


@frozen(kw_only=True)
class ProfileTable:
    """``[profiles.NAME]``, or a file of ``profiles/``."""

    transport: str | None = None
    framing: str | None = None
    port: int | None = None
    tls: bool | None = None
    server_name: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    device: str | None = None
    baudrate: int | None = None
    opening: str | None = None
    opening_address: str | None = None
    announces: bytes | None = None
    client: int | None = None
    logical_device: int | None = None
    physical_device: int | None = None
    address_size: str | int | None = None
    authentication: str | None = None
    password: Secret | None = None
    security: str | None = None
    security_suite: int | None = None
    system_title: bytes | None = None
    meter_system_title: bytes | None = None
    encryption_key: Secret | None = None
    authentication_key: Secret | None = None
    dedicated_key: bool | None = None
    ciphering: str | None = None
    signed: bool | None = None
    master_key: Secret | None = None
    manufacturer: Manufacturer | None = None
    signing_key: Secret | None = None
    meter_signing_key: bytes | None = None
    agreement_key: Secret | None = None
    meter_agreement_key: bytes | None = None
    timeout: float | None = None
    interval: float | None = None
    max_info: int | None = None
    window: int | None = None
    referencing: str | None = None
    gbt_window: int | None = None
    writing: bool | None = None
    identify: bool | None = None
    load_profile: Obis | None = None
    timezone: ZoneInfo | None = None
    ct_ratio: Decimal | None = None
    vt_ratio: Decimal | None = None
    frame_delay: float | None = None
    reconnect_delay: float | None = None
    recovery: RecoveryTable | None = None
    quirks: frozenset[Quirk] | None = None
    expect_every: float | None = None
    push_lists: tuple[tuple[Obis | None, ...], ...] | None = None
    push_units: tuple[PushUnit, ...] | None = None
    read: ReadTable | None = None


@frozen(kw_only=True)
class MeterTable(ProfileTable):
    """``[[meters]]``: its own keys, and any key of its profile."""

    name: str | None = None
    host: str | None = None
    push: str | None = None
    serial_number: str | None = None
    group: str | None = None
    profile: str | None = None
    device_name: str | None = None
    status: str | None = None
    token: Secret | None = None
    mqtt_username: str | None = None
    mqtt_password: Secret | None = None
    mqtt_client_id: str | None = None
    mqtt_cert_file: Path | None = None
    mqtt_key_file: Path | None = None
    sinks: tuple[str, ...] | None = None


# Of any suite: whether a key is one of its meter's is known when its profile is joined.
KEY_SIZES: Final = tuple(sorted({suite.key_size for suite in SUITES}))
FIELD_SIZES: Final = tuple(suite.field_size for suite in SUITES if suite.curve is not None)

# AES-256.

SECRETS: Final = frozenset(one.name for one in fields(MeterTable) if "Secret" in str(one.type))
"""The keys of a meter that are secrets."""

RENAMED: Final = {"class_id": "class"}
"""Fields whose key in TOML is no name in Python."""

OVERRIDES: Final[Mapping[str, Rule]] = {
    "status": rules.choice("active", "inactive"),
    "interval": rules.number(low=_SHORTEST, high=YEAR),
}
"""What an operator may want of a meter otherwise than its configuration says."""


def file_rules(
    secrets: SecretReader, read: Rule, recovery: Rule, unit: Rule, obis: Rule
) -> Mapping[type, Mapping[str, Callable[[object], Any]]]:
    """The rule of every field of every table."""
    existing = rules.existing(secrets.folder)
    profile = {
        "transport": rules.choice(*get_args(Transport)),
        "framing": rules.choice("hdlc", "wrapper"),
        "port": rules.whole(1, 65535),
        "tls": rules.flag,
        "server_name": rules.host,
        "ca_file": existing,
        "cert_file": existing,
        "key_file": existing,
        "device": rules.device,
        "baudrate": rules.choice(*_RATES),
        "opening": rules.choice(*get_args(Opening)),
        "opening_address": rules.opening_address,
        "announces": announcement,
        "client": rules.whole(1, 127),
        "logical_device": rules.whole(0, 65535),
        "physical_device": rules.whole(0, 16383),
        "address_size": rules.choice("auto", 1, 2, 4),
        "authentication": rules.choice(*get_args(Authentication)),
        "password": secrets.read,
        "security": rules.choice(*get_args(Security)),
        "security_suite": rules.choice(*(suite.number for suite in SUITES)),
        "system_title": rules.system_title,
        "meter_system_title": rules.system_title,
        "encryption_key": secrets.octets(*KEY_SIZES),
        "authentication_key": secrets.octets(*KEY_SIZES),
        "dedicated_key": rules.flag,
        "ciphering": rules.choice(*get_args(Ciphering)),
        "signed": rules.flag,
        "master_key": secrets.octets(*KEY_SIZES),
        "manufacturer": manufacturer,
        "signing_key": secrets.octets(*FIELD_SIZES),
        "meter_signing_key": rules.octets(*(2 * size for size in FIELD_SIZES)),
        "agreement_key": secrets.octets(*FIELD_SIZES),
        "meter_agreement_key": rules.octets(*(2 * size for size in FIELD_SIZES)),
        "timeout": rules.number(low=_SHORTEST, high=3600),
        "interval": OVERRIDES["interval"],
        "max_info": rules.whole(32, 2030),
        "window": rules.whole(1, 7),
        "referencing": rules.choice("ln", "sn"),
        "gbt_window": rules.whole(0, MAX_WINDOW),
        "writing": rules.flag,
        "identify": rules.flag,
        "load_profile": obis,
        "timezone": rules.timezone,
        "ct_ratio": rules.ratio,
        "vt_ratio": rules.ratio,
        "frame_delay": rules.number(high=60),
        "reconnect_delay": rules.number(high=3600),
        "recovery": recovery,
        "quirks": rules.quirks,
        "expect_every": rules.number(low=1, high=YEAR),
        "push_lists": push_lists,
        "push_units": push_units,
        "read": read,
    }
    return {
        DaemonOptions: {
            "state_dir": rules.folder,
            "log_format": rules.choice("text", "json"),
            "log_level": rules.choice("debug", "info", "warn", "error"),
            "report_interval": rules.number(low=1, high=YEAR),
            "language": rules.choice("en", "es"),
            "connects_per_second": rules.number(low=_SLOWEST, high=10_000),
            "watch_config": rules.flag,
            "registry_key": secrets.octets(REGISTRY_KEY),
        },
        WebOptions: {
            "listen": listen,
            "token": secrets.read,
            "trust_proxy": rules.flag,
            "legacy_open": rules.flag,
            "scan_networks": rules.networks,
        },
        OutboxOptions: {
            "max_bytes": rules.whole(1 << 20, 1 << 50),
            "keep_delivered_hours": rules.number(high=24 * 36_600),
            "history_days": rules.number(high=36_600),
            "when_full": rules.choice("drop_oldest", "pause"),
        },
        SinkOptions: {
            "name": rules.name,
            "kind": rules.choice("thingsboard", "thingsboard-gateway", "mqtt"),
            "url": url,
            "token": secrets.read,
            "username": rules.text(1024),
            "password": secrets.read,
            "client_id": rules.text(256),
            "protocol": rules.choice("auto", 5, 311),
            "keepalive": rules.whole(5, 1200),
            "inflight": rules.whole(1, 100),
            "topic": rules.topic,
            "telemetry_topic": rules.device_topic,
            "attributes_topic": rules.device_topic,
            "home_assistant": rules.flag,
            "canary": rules.flag,
            "latency_metadata": rules.flag,
            "requests": rules.flag,
            "ca_file": existing,
            "cert_file": existing,
            "key_file": existing,
        },
        DialInOptions: {
            "listen": listen_calls,
            "patience": rules.number(low=1, high=3600),
        },
        PushOptions: {
            "name": rules.name,
            "listen": listen_push,
            "connect": connect,
            "device": rules.device,
            "baudrate": rules.choice(*_RATES),
            "parity": rules.choice(*get_args(Parity)),
            "framing": rules.choice(*get_args(PushFraming)),
            "by_address": rules.flag,
        },
        NoticeOptions: notice_rules(secrets, existing),
        WatchOptions: watch_rules(),
        MeasurementTable: {
            "obis": obis,
            "class_id": rules.whole(1, 65535),
            "attribute": rules.whole(-128, 127),
            "scale": rules.factor,
            "unit": unit,
            "every": rules.number(high=YEAR),
            "key": rules.text(64),
            "compact": obis,
        },
        RecoveryTable: RULES,
        ProfileTable: profile,
        MeterTable: profile
        | {
            "name": rules.name,
            "host": rules.host,
            "push": rules.name,
            "serial_number": rules.text(64),
            "group": rules.name,
            "profile": rules.text(64),
            "device_name": rules.text(255),
            "status": OVERRIDES["status"],
            "token": secrets.read,
            "mqtt_username": rules.text(1024),
            "mqtt_password": secrets.read,
            "mqtt_client_id": rules.text(256),
            "mqtt_cert_file": existing,
            "mqtt_key_file": existing,
            "sinks": rules.names,
        },
    }
