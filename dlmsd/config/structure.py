"""From tables to attrs values, by cattrs: unknown keys refused, all errors at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from attrs import fields, frozen
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from dlmsd.config import later
from dlmsd.config.faults import faults
from dlmsd.config.lines import KeyPath
from dlmsd.config.measurements import unit
from dlmsd.config.recovery import RecoveryTable
from dlmsd.config.rules import Refusal, Rule, names, obis, suggestion
from dlmsd.config.secrets import SecretReader
from dlmsd.config.source import Place
from dlmsd.config.tables import RENAMED, MeasurementTable, ReadTable, file_rules
from dlmsd.errors import Problem

T = TypeVar("T")

NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


@frozen
class Taken(Generic[T]):
    """What a table gave: a value without its bad keys; None if it is no table."""

    value: T | None
    bad: frozenset[str]


class Structure:
    """Takes tables; whatever is wrong in them becomes problems."""

    def __init__(self, secrets: SecretReader) -> None:
        self._converter = Converter(forbid_extra_keys=True, detailed_validation=True)
        self._keys: dict[type, tuple[str, ...]] = {}
        for cls, rules in file_rules(secrets, self._read, self._recovery, unit, obis).items():
            self._register(cls, rules)

    def take(
        self,
        cls: type[T],
        place: Place,
        table: object,
        problems: list[Problem],
        *,
        otherwise: Mapping[str, object] = NOTHING,
        stand_in: Mapping[str, object] = NOTHING,
    ) -> Taken[T]:
        """The value of class ``cls`` that ``table`` describes; ``otherwise`` are defaults.

        After a problem the bad keys count as not said, and ``stand_in`` gives those that
        are required, so that everything else can still be checked.
        """
        if not isinstance(table, dict):
            problems.append(place.problem("expected a table"))
            return Taken(None, frozenset())
        kept, bad = later.sift(cls, table)
        problems += [place.at(key).problem(later.MESSAGE) for key in bad]
        kept = {**otherwise, **kept}
        try:
            return Taken(self._converter.structure(kept, cls), frozenset(bad))
        except ClassValidationError as error:
            found = list(faults(error, self.unknown))
        problems += [place.at(*path).problem(message) for path, message in found]
        bad += [str(path[0]) for path, _ in found]
        for path, _ in found:
            kept = _without(kept, path)
        kept = {**stand_in, **otherwise, **kept}
        return Taken(self._converter.structure(kept, cls), frozenset(bad))

    def unknown(self, key: str, cls: type) -> str:
        """The message for a key that ``cls`` does not have."""
        known = (*self._keys.get(cls, ()), *later.PLANNED.get(cls, ()))
        return "unknown key" + suggestion(key, known)

    def _register(self, cls: type, rules: Mapping[str, Rule]) -> None:
        structured: Callable[[Any, Any], Any] = make_dict_structure_fn(
            cls,
            self._converter,
            **{  # type: ignore[arg-type]
                one.name: override(rename=RENAMED.get(one.name), struct_hook=_hook(rules[one.name]))
                for one in fields(cls)
            },
        )
        self._keys[cls] = tuple(RENAMED.get(one.name, one.name) for one in fields(cls))
        if cls is MeasurementTable:
            structured = _measurement(structured)
        self._converter.register_structure_hook(cls, structured)

    def _read(self, value: object) -> ReadTable:
        if isinstance(value, list):
            return ReadTable({name: MeasurementTable() for name in names(value)}, listed=True)
        if not isinstance(value, dict):
            raise Refusal("expected a table of measurements, or a list of their names")
        return ReadTable(self._converter.structure(value, dict[str, MeasurementTable]))

    def _recovery(self, value: object) -> RecoveryTable:
        if not isinstance(value, dict):
            raise Refusal("expected a table of thresholds")
        return self._converter.structure(value, RecoveryTable)


def _without(table: dict[str, Any], path: KeyPath) -> dict[str, Any]:
    """The table without the key at fault; of ``read`` only the one measurement goes."""
    key, *below = path
    if below and isinstance(inner := table.get(str(key)), dict):
        return table | {str(key): {k: v for k, v in inner.items() if k != below[0]}}
    return {k: v for k, v in table.items() if k != key}


def _hook(rule: Rule) -> Callable[[Any, Any], Any]:
    return lambda value, _: rule(value)


def _measurement(structured: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The short forms of an entry of ``read``: the OBIS code alone, and false."""

    def hook(value: Any, cls: Any) -> MeasurementTable | None:
        if value is False:
            return None
        if isinstance(value, str):
            return MeasurementTable(obis=obis(value))
        if not isinstance(value, dict):
            raise Refusal("expected an OBIS code, a table, or false")
        entry: MeasurementTable = structured(value, cls)
        return entry

    return hook
