"""Tokens on disk: a file for each beside the configuration, or in the state folder of a daemon
that could not read it there, and the line that names it."""

from __future__ import annotations

import shutil
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from dlmsd import private
from dlmsd.config.source import Source
from dlmsd.config.system import is_system
from dlmsd.config.tokens import Owner
from dlmsd.errors import DlmsdError

Form: TypeAlias = Literal["file", "sealed"]
"""A token as it is, or under ``registry_key``."""

FOLDER: Final = "tokens"
_SUFFIX: Final = {"meters": "token", "sinks": "gateway-token"}


class TokenFileError(DlmsdError):
    """Have a user write it who may, such as the owner of the configuration; what ThingsBoard has
    is found again."""

    culprit = "operator"


def file_name(owner: Owner) -> str:
    """Where an owner's token goes unless the configuration says it; from that's folder, or from
    the state folder."""
    key, name = owner
    return f"{FOLDER}/{name}.{_SUFFIX[key]}"


def is_apart(configuration: Path, state_dir: Path, environ: Mapping[str, str]) -> bool:
    """Whether the daemon could not read a token beside the configuration: anybody may read that,
    and it runs as another user than its owner, as systemd lets it, and not as root, whom no mode
    keeps away. Raises TokenFileError."""
    try:
        said = configuration.stat()
        if not said.st_mode & stat.S_IROTH:
            return False  # its owner and its group are who reads it
        return state_dir.stat().st_uid not in (0, said.st_uid)
    except FileNotFoundError:  # no daemon has run yet
        return is_system(configuration, environ)
    except OSError as error:
        raise TokenFileError(f"{state_dir}: {error.strerror}") from error


def write(path: Path, content: bytes, like: Path) -> None:
    """One line, whole or not at all. A new file is readable by the owner of ``like``, and by the
    group that may read that; others stay as readable as they are. Raises TokenFileError.
    """
    try:
        if not like.exists():  # a state folder that no daemon has used yet
            like.mkdir(parents=True, mode=0o700)
        whose = like.stat()
        group = whose.st_mode & stat.S_IRGRP
        mode = 0o600 | group
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700)
            path.parent.chmod(0o700 | (group and 0o050))
            private.give(path.parent, whose)
        elif path.exists():
            whose = path.stat()
            mode = stat.S_IMODE(whose.st_mode)
        private.replace(path, content + b"\n", mode=mode, like=whose)
    except OSError as error:
        raise TokenFileError(f"{path}: {error.strerror}") from error


def line(file: str, form: Form) -> str:
    """What names such a file, as a line of TOML; no name of ours needs an escape."""
    return f'token = {{ {form} = "{file}" }}'


def insert(path: Path, files: Mapping[Owner, str], form: Form) -> Path | None:
    """Name each file below its owner's name; the copy of what the configuration was before.

    None if the form of this file does not allow it, and nothing is changed. Raises
    TokenFileError.
    """
    path = path.resolve()
    source = Source.read(path)
    text = source.text.splitlines(keepends=True)
    expected: dict[str, Any] = tomllib.loads(source.text)
    found: list[tuple[int, str]] = []
    for (key, name), file in files.items():
        for index, table in enumerate(expected[key]):
            if table.get("name") == name:
                table["token"] = {form: file}
                found.append((source.lines.of((key, index, "name")), file))
    for number, file in sorted(found, reverse=True):
        before = text[number - 1]
        indent = before[: len(before) - len(before.lstrip())]
        ending = "\r\n" if before.endswith("\r\n") else "\n"
        text[number - 1] = before.rstrip("\r\n") + ending
        text.insert(number, f"{indent}{line(file, form)}{ending}")
    after = "".join(text)
    try:
        good = tomllib.loads(after) == expected
    except tomllib.TOMLDecodeError:
        good = False
    return _save(path, after) if good else None


def _save(path: Path, text: str) -> Path:
    copy = path.with_name(f"{path.name}.bak")
    try:
        like = path.stat()
        shutil.copy2(path, copy)
        private.give(copy, like)
        private.replace(path, text.encode(), mode=stat.S_IMODE(like.st_mode), like=like)
    except OSError as error:
        raise TokenFileError(f"{path}: {error.strerror}") from error
    return copy
