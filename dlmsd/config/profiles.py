"""Meter models: from the main file, from ``profiles/`` beside it, and those shipped."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from attrs import fields, frozen

from dlmsd.config.measurements import resolve
from dlmsd.config.source import Place, Source
from dlmsd.config.structure import Structure
from dlmsd.config.tables import ProfileTable
from dlmsd.config.values import Measurement
from dlmsd.errors import ConfigurationError, Problem


@frozen(eq=False)
class Profile:
    """One model: what it says (``read`` apart), and the keys that are wrong in it."""

    place: Place
    said: Mapping[str, Any]
    read: Mapping[str, Measurement]
    bad: frozenset[str]


def load_profiles(
    main: Source, beside: Path, structure: Structure, problems: list[Problem]
) -> dict[str, Profile]:
    """Every profile by name.

    ``[profiles.NAME]`` of the main file stands in for ``NAME.toml`` in the folder
    ``beside``, and that for the shipped one; the whole of it, they are not joined.
    """
    own = main.table.get("profiles", {})
    place = Place(main, ("profiles",))
    if not isinstance(own, dict):
        problems.append(place.problem("expected tables: [profiles.NAME]"))
        own = {}
    tables: dict[str, tuple[Place, object]] = {
        name: (place.at(name), table) for name, table in own.items()
    }
    for name, path in (_found(shipped()) | _found(beside)).items():
        if name not in tables:
            try:
                source = Source.read(path)
            except ConfigurationError as error:
                problems.extend(error.problems)
                tables[name] = (Place(main), None)
            else:
                tables[name] = (Place(source), source.table)
    return {name: _profile(*one, structure, problems) for name, one in tables.items()}


def shipped() -> Path:
    """The folder of the shipped profiles: in the package, or in its source tree."""
    package = Path(str(files("dlmsd")))
    installed = package / "profiles"
    return installed if installed.is_dir() else package.parent / "etc" / "profiles"


def said(table: ProfileTable) -> dict[str, Any]:
    """The fields that a table says."""
    return {
        one.name: value
        for one in fields(type(table))
        if (value := getattr(table, one.name)) is not None
    }


def _found(folder: Path) -> dict[str, Path]:
    # Editors leave hidden files of their own beside the one that is open.
    paths = (path for path in folder.glob("*.toml") if not path.name.startswith("."))
    return {path.stem: path for path in sorted(paths)}


def _profile(place: Place, table: object, structure: Structure, problems: list[Problem]) -> Profile:
    if table is None:  # a file that could not be read: nothing about it can be judged
        return Profile(place, {}, {}, frozenset(one.name for one in fields(ProfileTable)))
    taken = structure.take(ProfileTable, place, table, problems)
    if taken.value is None:
        return Profile(place, {}, {}, frozenset(one.name for one in fields(ProfileTable)))
    bad = set(taken.bad)
    before = len(problems)
    values = said(taken.value)
    read = values.pop("read", None)
    measurements = resolve(read, {}, place.at("read"), problems) if read else {}
    if len(problems) > before:
        bad.add("read")
    return Profile(place, values, measurements, frozenset(bad))
