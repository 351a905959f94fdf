"""ThingsBoard's own Python client (tb-mqtt-client, Apache-2.0), in an environment of its own.

It brings a paho of its own, so it cannot live beside ours.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.processes import ROOT

PINNED = ("tb-mqtt-client==1.13.14", "tb-paho-mqtt-client==2.1.2")
# Beside what `make` installs, and gone with it by `make clean`.
FOLDER = ROOT / ".venv" / PINNED[0].replace("==", "-")


def interpreter() -> Path:
    """A Python that has the client, made at first need. Skips the test where it cannot be
    had, as without a network; where CI is set, fails instead."""
    with FOLDER.with_name(f"{FOLDER.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        return _made()


def _made() -> Path:
    python, whole = FOLDER / "bin/python", FOLDER / "whole"
    if whole.exists():
        return python
    shutil.rmtree(FOLDER, ignore_errors=True)
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED)
    try:
        for command in ((sys.executable, "-m", "venv", FOLDER), pip):
            subprocess.run(command, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        message = f"tb-mqtt-client cannot be installed: {getattr(error, 'stderr', b'') or error!r}"
        if os.environ.get("CI"):
            raise AssertionError(message) from error
        raise SkipTest(message) from error
    whole.touch()
    return python
