"""What a document of meters asks for: each row by itself, then all of them with what is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import frozen

from dlmsd.config.rules import suggestion
from dlmsd.fleet.desk import UnfitMeterError
from dlmsd.fleet.kept import Kept
from dlmsd.store.own import Override, OwnMeter
from dlmsd.web.api import sheet
from dlmsd.web.api.bodies import field_of, key_of
from dlmsd.web.api.entry import KEYS, entry_of, meter_of
from dlmsd.web.api.sheet import Fault, Row

# Of more nobody corrects any by hand, and each costs time and room.
_MOST_FAULTS: Final = 1000


@frozen
class FaultView:
    """What is wrong: ``line`` and ``column`` from 1, the latter a cell's of CSV, a character's of
    JSON; and the ``key`` of ``[[meters]]``, empty where it is none."""

    line: int
    column: int
    key: str
    message: str


@frozen
class IntakeView:
    """What became of a document, or would: the names of meters that were added or changed, and of
    those that were so already; ``errors`` are of rows that are not taken, the first thousand."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    errors: tuple[FaultView, ...]
    dry_run: bool


@frozen
class Intake:
    """``added`` and ``changed`` are right; where there are ``faults``, they are taken only if
    what is right is enough, which is ``partial``."""

    added: tuple[OwnMeter, ...]
    changed: tuple[OwnMeter, ...]
    same: tuple[str, ...]
    faults: tuple[Fault, ...]
    partial: bool = False

    @property
    def refused(self) -> bool:
        """Whether nothing of it is taken."""
        return bool(self.faults) and not self.partial

    @property
    def meters(self) -> Sequence[OwnMeter]:
        """Those that are taken."""
        return () if self.refused else (*self.added, *self.changed)

    def view(self, *, dry_run: bool) -> IntakeView:
        """As it is told."""
        return IntakeView(
            tuple(one.name for one in self.added),
            tuple(one.name for one in self.changed),
            self.same,
            tuple(FaultView(*one.spot, one.key, one.message) for one in self.faults),
            dry_run,
        )


def intake(kept: Kept, text: str, *, partial: bool = False) -> Intake:
    """Of a document as ``dlmsd meters import`` takes it, CSV or JSON."""
    rows, found = sheet.read(text)
    faults = list(found)
    asked: dict[str, tuple[Row, OwnMeter]] = {}
    seen: dict[str, Row] = {}
    for row in rows:
        if len(faults) > _MOST_FAULTS:
            break
        wrong = list(islice(_wrong(kept, row, seen), _MOST_FAULTS + 1))
        if not wrong:
            try:
                meter = _meter(kept, row)
                asked[meter.name] = row, meter
            except UnfitMeterError as error:
                wrong = [row.fault(key_of(one.key), one.message) for one in error.problems]
        faults += wrong
    refused = kept.effective(meter for _, meter in asked.values()).problems
    right, same = [], []
    for name, (row, meter) in asked.items():
        problems = refused.get(name, ())
        faults += [row.fault(key_of(field_of(one.key)), one.message) for one in problems]
        if _is_kept(kept, meter):
            same.append(name)
        elif not problems:
            right.append(meter)
    return Intake(
        tuple(one for one in right if one.name not in kept.own),
        tuple(one for one in right if one.name in kept.own),
        tuple(same),
        _first(faults),
        partial and len(faults) <= _MOST_FAULTS,
    )


def _first(faults: list[Fault]) -> tuple[Fault, ...]:
    """As many as are told, by their place."""
    found = sorted(faults, key=lambda one: one.spot)
    rest = found[_MOST_FAULTS:]
    if rest:
        rest = [Fault(rest[0].spot, "", "more is wrong from here on, so nothing is taken")]
    return (*found[:_MOST_FAULTS], *rest)


def entries(kept: Kept, *, secrets: bool) -> list[dict[str, object]]:
    """Each meter that was added as a document says it, but for those that cannot be opened."""
    return [
        _entry(kept, one, kept.wanted(one.name), secrets=secrets)
        for one in kept.own.values()
        if not one.locked
    ]


def _wrong(kept: Kept, row: Row, seen: dict[str, Row]) -> Iterator[Fault]:
    """What keeps a row from being a meter beside the file, whatever its values are."""
    for key in row.entry:
        if key not in KEYS:
            yield row.fault(key, "unknown key" + suggestion(key, KEYS))
    name = row.entry.get("name")
    if not isinstance(name, str):
        return
    if seen.setdefault(name, row) is not row:
        yield row.fault("name", f"stands in line {seen[name].spot[0]} already")
    if name in kept.of_file:
        yield row.fault("name", f"meter {name} stands in {kept.file.path}")


def _meter(kept: Kept, row: Row) -> OwnMeter:
    """What is left out stays, of secrets and of what operators set. Raises UnfitMeterError."""
    name = str(row.entry.get("name", ""))
    before, entry = kept.own.get(name), row.entry
    if before is not None and not before.locked:
        stays = _entry(kept, before, kept.wanted(name), secrets=False)
        entry = {key: stays[key] for key in ("status", "interval") if key in stays} | dict(entry)
    return meter_of(entry, kept.file.profiles, before)


def _is_kept(kept: Kept, meter: OwnMeter) -> bool:
    before = kept.own.get(meter.name)
    if before is None or before.locked:
        return False
    is_so = _entry(kept, before, kept.wanted(meter.name), secrets=True)
    return _entry(kept, meter, Override(), secrets=True) == is_so


def _entry(kept: Kept, meter: OwnMeter, wanted: Override, *, secrets: bool) -> dict[str, object]:
    profile = kept.file.profiles.get(str(meter.options.get("profile")))
    return entry_of(meter, wanted, tuple(profile.read) if profile else (), secrets=secrets)
