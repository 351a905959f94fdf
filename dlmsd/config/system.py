"""The system's own configuration, and what belongs to it by the shipped unit.

The unit gives its folders to the service as variables, which the shell of an operator lacks. So
they are here once more, and daemon and command use the same ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ETC: Final = "/etc/dlmsd"
STATE: Final = "/var/lib/dlmsd"
# Of the service while it runs, for it and for root.
CREDENTIALS: Final = "/run/credentials/dlmsd.service"


class Outside(dict[str, str]):
    """An environment that is not the service's: credentials that are not there are withheld, not
    wrong."""

    @classmethod
    def of(cls, path: Path, environ: Mapping[str, str]) -> Outside:
        """For the configuration at ``path``; to the system's belong the service's credentials."""
        found = cls(environ)
        if is_system(path, environ):
            found.setdefault("CREDENTIALS_DIRECTORY", CREDENTIALS)
        return found


def system_file(environ: Mapping[str, str]) -> Path:
    """Where it is: in systemd's ``$CONFIGURATION_DIRECTORY`` or else /etc/dlmsd."""
    return Path(environ.get("CONFIGURATION_DIRECTORY") or ETC) / "dlmsd.toml"


def state_dir(path: Path, environ: Mapping[str, str]) -> str:
    """That of a configuration which names none.

    Systemd's ``$STATE_DIRECTORY``, else that of the unit for the system's file, else ``var``.
    Two folders would be two stores of invocation counters for the same keys.
    """
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return given or (STATE if is_system(path, environ) else "var")


def is_system(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether it is the system's, by whatever name."""
    system = system_file(environ)
    try:
        return os.path.samefile(path, system)
    except OSError:  # it may be gone, or above it a folder that is not ours
        return path.absolute() == system
