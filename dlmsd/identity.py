"""What the daemon keeps of itself in its state folder: a short id and a token."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

from dlmsd import private
from dlmsd.secret import Secret


def instance_id(state_dir: Path, host: str, draw: Callable[[int], bytes]) -> str:
    """``<host>-<short id>``, the same at every start and never the same twice."""
    short = _kept(state_dir / "instance-id", lambda: draw(4).hex())
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', host)[:32]}-{short}"


def web_token(state_dir: Path, draw: Callable[[int], bytes]) -> Secret:
    """The page's token, made at the first start; ``dlmsd token`` shows it."""

    def make() -> str:
        return base64.urlsafe_b64encode(draw(24)).decode()

    return Secret(_kept(token_file(state_dir), make))


def token_file(state_dir: Path) -> Path:
    """Where :func:`web_token` keeps it."""
    return state_dir / "web.token"


def _kept(path: Path, make: Callable[[], str]) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    value = make()
    private.replace(path, f"{value}\n".encode())
    return value
