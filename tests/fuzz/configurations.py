"""The configuration under test: files as an operator may write them."""

from __future__ import annotations

from pathlib import Path, PosixPath
from typing import Final

from dlmsd.config.load import load
from dlmsd.errors import ConfigurationError
from tests.fuzz.target import Target


class _Text(PosixPath):
    """A file that is not there."""

    octets: bytes = b""

    def read_bytes(self) -> bytes:
        return self.octets


_FOLDER: Final = Path("/nonexistent")
_ENVIRON: Final = {"CONFIGURATION_DIRECTORY": str(_FOLDER)}


def _configuration(octets: bytes) -> None:
    path = _Text(_FOLDER / "dlmsd.toml")
    path.octets = octets
    load(path, environ=_ENVIRON)


# 64 KiB of it take longer than 50 ms; it is no meter's, and read at a start or reload.
_OPERATOR_WAITS: Final = 2.0
_EXAMPLE: Final = Path(__file__).parent.parent.parent / "etc" / "dlmsd.toml"


_WORDS: Final = (
    *(b"[", b"]", b"[[meters]]\n", b"[[sinks]]\n", b"[profiles.x]\n", b"=", b'"', b"\n", b"\r"),
    *(b"{", b"}", b".", b",", b"#", b"'", b"\\", b"name = ", b"profile = ", b"[meters.read]\n"),
    *(b"nan", b"inf", b"1e999999999", b"0x7f", b"-1", b"true", b"1979-05-27T07:32:00Z", b"\xff"),
    *(b"[" * 40, b"a." * 40, b"9" * 400, b"\xef\xbb\xbf", b"\xe2\x82\xac", b'"""', b"\x00"),
)
_CONFIGURATION: Final = (
    b'[web]\nlisten = "tcp:8425:interface=127.0.0.1"\ntoken = { file = "web.token" }\n',
    b"[daemon]\nreport_interval = 60\nconnects_per_second = 20\n[outbox]\nhistory_days = 30\n",
    b'[[sinks]]\nname = "tb"\nkind = "mqtt"\nurl = "mqtt://localhost"\nprotocol = 5\n',
    b'[[meters]]\nname = "a"\nhost = "10.0.0.1"\nprofile = "microstar"\nsinks = ["tb"]\n'
    b'[meters.read]\nx = { obis = "1-1:32.7.0", unit = "V", scale = 0.1, every = 60 }\n',
    b'[profiles.p]\nframing = "wrapper"\nsecurity = "encrypted"\nencryption_key = "00"\n',
)


def target() -> Target:
    """Whatever stands in ``dlmsd.toml``."""
    return Target(
        "configuration",
        _configuration,
        _CONFIGURATION,
        (_EXAMPLE.read_bytes() * 9,),
        (ConfigurationError,),
        _WORDS,
        harvest=False,
        seconds=_OPERATOR_WAITS,
    )
