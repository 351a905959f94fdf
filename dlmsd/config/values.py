"""The configuration as frozen values; defaults live here and nowhere else."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from attrs import field, frozen

from dlmsd.config.credentials import DeviceCredentials
from dlmsd.config.notice import NoticeOptions, WatchOptions
from dlmsd.config.recovery import DEFAULTS, RecoveryOptions
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.quirks import Quirk
from dlmsd.dlms.security.manufacturer import Manufacturer
from dlmsd.language import Code
from dlmsd.secret import Secret

Network: TypeAlias = IPv4Network | IPv6Network
Transport: TypeAlias = Literal["tcp", "udp", "serial", "dial-in", "push"]
Opening: TypeAlias = Literal["none", "mode-e"]
Framing: TypeAlias = Literal["hdlc", "wrapper"]
Referencing: TypeAlias = Literal["ln", "sn"]
Parity: TypeAlias = Literal["none", "even", "odd"]
PushFraming: TypeAlias = Literal["auto", "hdlc", "wrapper", "mbus"]
AddressSize: TypeAlias = Literal["auto", 1, 2, 4]
Authentication: TypeAlias = Literal[
    "none",
    "low",
    "high-manufacturer",
    "high-md5",
    "high-sha1",
    "high-gmac",
    "high-sha256",
    "high-ecdsa",
]
Ciphering: TypeAlias = Literal["service", "general", "wrapped", "one-pass", "static"]
Security: TypeAlias = Literal["none", "authenticated", "encrypted", "authenticated-encrypted"]
SinkKind: TypeAlias = Literal["thingsboard", "thingsboard-gateway", "mqtt"]


@frozen
class DaemonOptions:
    """``[daemon]``: times in seconds. ``registry_key`` has 32 bytes."""

    state_dir: Path
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warn", "error"] = "info"
    report_interval: float = 60.0
    language: Code = "en"
    connects_per_second: float = 20.0
    watch_config: bool = False
    registry_key: Secret | None = None


@frozen
class WebOptions:
    """``[web]``: ``listen`` is a Twisted server endpoint; without ``token`` one is made.

    With ``legacy_open`` changes need no token on loopback; ``scan_networks`` are those that
    may be searched for meters from the page.
    """

    listen: str = "tcp:8425:interface=127.0.0.1"
    token: Secret | None = None
    trust_proxy: bool = False
    legacy_open: bool = False
    scan_networks: tuple[Network, ...] = ()


@frozen
class OutboxOptions:
    """``[outbox]``: how much of what was read is kept, for how long, and what goes first."""

    max_bytes: int = 1 << 30
    keep_delivered_hours: float = 24.0
    history_days: float = 30.0
    when_full: Literal["drop_oldest", "pause"] = "drop_oldest"


@frozen
class SinkOptions:
    """``[[sinks]]``: one broker. ``token`` belongs to kind ``thingsboard-gateway``.

    ``telemetry_topic`` and ``attributes_topic`` are those of ThingsBoard's device profile.
    """

    name: str
    kind: SinkKind
    url: str
    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    client_id: str | None = None
    protocol: Literal["auto", 5, 311] = "auto"
    keepalive: int = 30
    inflight: int = 20
    topic: str = "dlmsd/{meter}"
    telemetry_topic: str = "v1/devices/me/telemetry"
    attributes_topic: str = "v1/devices/me/attributes"
    home_assistant: bool = False
    canary: bool = True
    latency_metadata: bool = False
    requests: bool = True
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@frozen
class DialInOptions:
    """``[dial_in]``: ``listen`` is a Twisted endpoint, where meters call in.

    A caller has ``patience`` seconds to say who he is.
    """

    listen: str | None = None
    patience: float = 30.0


@frozen
class PushOptions:
    """``[[push]]``: where meters send unasked, or where we fetch it.

    ``listen`` is ``tcp:PORT`` or ``udp:PORT``, as a Twisted endpoint; ``connect`` is the
    ``HOST:PORT`` of a serial server; ``device`` is a serial port of this machine. One of
    them is given. With ``by_address`` a meter must bear the client and devices of its
    options.
    """

    name: str
    listen: str | None = None
    connect: str | None = None
    device: str | None = None
    baudrate: int = 2400
    parity: Parity = "none"
    framing: PushFraming = "auto"
    by_address: bool = False

    @property
    def address(self) -> str:
        """Where it hears, in the operator's words."""
        return self.listen or self.connect or f"{self.device} at {self.baudrate} Bd"


@frozen
class PushUnit:
    """What a pushing meter leaves out: ``unit`` is a code of scaler_unit (Blue Book)."""

    obis: Obis
    scaler: int
    unit: int


@frozen
class Measurement:
    """One wanted attribute of a meter.

    ``key`` is the name under which it is published. ``unit`` is the wanted unit, None for
    the meter's own. ``scale`` multiplies the scaled value. ``every`` is the least number
    of seconds between two reads, 0 for every cycle. ``compact`` is the Compact data object
    that captures the attribute and is read in its place.
    """

    name: str
    attribute: AttributeDescriptor
    key: str
    unit: str | None = None
    scale: Decimal | None = None
    every: float = 0.0
    compact: Obis | None = None


@frozen
class MeterOptions:
    """``[[meters]]`` joined with its profile: everything about one meter, resolved.

    ``timeout`` and ``interval`` are seconds; ``max_info`` is the HDLC information field in
    bytes. ``device_name`` is what ThingsBoard calls it. With ``tls`` the other end's
    certificate is made out to ``server_name``, or else to ``host``.

    ``security`` is the least protection that is sent and accepted. System titles are 8
    bytes: ``system_title`` is ours, ``meter_system_title`` pins the meter's. Keys are raw
    bytes of the suite's size: ``signing_key`` is our private scalar, ``meter_signing_key``
    the meter's public point, x and y side by side; ``agreement_key`` and
    ``meter_agreement_key`` are the like. With ``dedicated_key`` each association draws a
    fresh one. ``ciphering`` and ``signed`` are the form of what is protected;
    ``manufacturer`` is a manufacturer's own mechanism.

    Each frame to the meter waits ``frame_delay`` seconds, and a new connection at least
    ``reconnect_delay`` after the end of the last one.

    ``recovery`` is how it is won back; ``load_profile`` holds what was missed meanwhile.

    With ``identify`` its serial number and clock are asked for now and then.

    Only with ``writing`` is anything written or invoked. ``gbt_window`` is how many blocks
    of general block transfer are taken in one stream, 0 for none of them.

    ``timezone`` is the meter's, used where it tells no deviation from UTC. ``ct_ratio`` and
    ``vt_ratio`` are those of transformers before the meter (primary by secondary).

    ``serial_number`` and ``group`` are places in the topics of sinks of kind ``mqtt``.

    A meter with transport ``push`` is only listened to. ``push`` names the listener that it
    comes through, ``serial_number`` is a text that it pushes; these, ``host`` and
    ``meter_system_title`` tell it from others. ``push_lists`` are the names of values by
    their order, None for one that is not wanted. After ``expect_every`` seconds without a
    push it counts as down.
    """

    name: str
    host: str
    profile: str
    device_name: str
    read: tuple[Measurement, ...]
    transport: Transport = "tcp"
    port: int = 3333
    tls: bool = False
    server_name: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    device: str | None = None
    baudrate: int = 9600
    opening: Opening = "none"
    opening_address: str = ""
    announces: bytes | None = None
    framing: Framing = "hdlc"
    client: int = 1
    logical_device: int = 0
    physical_device: int = 1
    address_size: AddressSize = "auto"
    authentication: Authentication = "low"
    password: Secret | None = None
    security: Security = "none"
    security_suite: Literal[0, 1, 2] = 0
    system_title: bytes | None = None
    meter_system_title: bytes | None = None
    encryption_key: Secret | None = None
    authentication_key: Secret | None = None
    dedicated_key: bool = False
    ciphering: Ciphering = "service"
    signed: bool = False
    master_key: Secret | None = None
    manufacturer: Manufacturer | None = None
    signing_key: Secret | None = None
    meter_signing_key: bytes | None = None
    agreement_key: Secret | None = None
    meter_agreement_key: bytes | None = None
    timeout: float = 5.0
    interval: float = 5.0
    max_info: int = 128
    window: int = 1
    referencing: Referencing = "ln"
    gbt_window: int = 0
    writing: bool = False
    identify: bool = True
    load_profile: Obis | None = None
    timezone: ZoneInfo | None = None
    ct_ratio: Decimal = Decimal(1)
    vt_ratio: Decimal = Decimal(1)
    frame_delay: float = 0.0
    reconnect_delay: float = 0.0
    recovery: RecoveryOptions = DEFAULTS
    quirks: frozenset[Quirk] = frozenset()
    push: str | None = None
    serial_number: str | None = None
    group: str | None = None
    expect_every: float = 900.0
    push_lists: tuple[tuple[Obis | None, ...], ...] = ()
    push_units: tuple[PushUnit, ...] = ()
    status: Literal["active", "inactive"] = "active"
    token: Secret | None = None
    mqtt_username: str | None = None
    mqtt_password: Secret | None = None
    mqtt_client_id: str | None = None
    mqtt_cert_file: Path | None = None
    mqtt_key_file: Path | None = None
    sinks: tuple[str, ...] = ()

    @property
    def credentials(self) -> DeviceCredentials:
        """As whom it comes to a sink of kind ``thingsboard``; false if it says nothing."""
        return DeviceCredentials(
            self.token,
            self.mqtt_username,
            self.mqtt_password,
            self.mqtt_client_id,
            self.mqtt_cert_file,
            self.mqtt_key_file,
        )

    @property
    def line(self) -> Hashable:
        """Equal for meters that share one connection."""
        if self.transport == "serial":
            return self.transport, self.device
        if self.transport == "dial-in":
            return self.transport, self.host, self.announces
        return self.transport, self.host.lower(), self.port

    @property
    def address(self) -> str:
        """Where it is, in the operator's words."""
        if self.transport == "push":
            return f"push {self.push}" if self.push else "push"
        if self.device is not None:
            return self.device
        if self.transport == "dial-in":
            return f"calls from {self.host}" if self.host else "calls in"
        kind = "tls" if self.tls else self.transport
        return f"{self.host}:{self.port}" + (f"/{kind}" if kind != "tcp" else "")


@frozen
class ProfileOptions:
    """A profile by itself, for meters that the file does not name: the keys that it says."""

    said: Mapping[str, Any]
    read: Mapping[str, Measurement]


@frozen
class Configuration:
    """All of it. ``meters[i].sinks`` names only sinks that exist; ``added`` are meters and sinks
    that came from elsewhere than the file, and are changed there.
    """

    path: Path
    daemon: DaemonOptions
    web: WebOptions
    outbox: OutboxOptions
    sinks: tuple[SinkOptions, ...]
    meters: tuple[MeterOptions, ...]
    push: tuple[PushOptions, ...] = ()
    dial_in: DialInOptions = field(factory=DialInOptions)
    notices: tuple[NoticeOptions, ...] = ()
    watch: WatchOptions = field(factory=WatchOptions)
    profiles: Mapping[str, ProfileOptions] = field(factory=dict, repr=False)
    added: frozenset[str] = frozenset()
