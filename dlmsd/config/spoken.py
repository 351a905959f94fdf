"""The language of a configuration that may be full of errors, and has to be told of them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from dlmsd.config.load import find
from dlmsd.errors import ConfigurationError
from dlmsd.language import Code

_DAEMON: Final = re.compile(r"(?ms)^\s*\[daemon\]\s*(?:#[^\n]*)?$(.*?)(?=^\s*\[|\Z)")
_LANGUAGE: Final = re.compile(r"(?m)^\s*language\s*=\s*[\"'](\w+)[\"']")


def peek(file: Path | None) -> Code:
    """What a file says of it, also one that is full of errors."""
    try:
        text = (file or find(os.environ, Path.cwd())).read_text("utf-8")
    except (ConfigurationError, OSError, ValueError):
        return "en"
    daemon = _DAEMON.search(text)
    said = _LANGUAGE.search(daemon[1]) if daemon else None
    return "es" if said and said[1] == "es" else "en"
