"""Bodies and queries to attrs values: unknown keys refused, every fault with its field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import parse_qsl

from attrs import NOTHING, fields
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from dlmsd.config.faults import faults
from dlmsd.config.lines import dotted
from dlmsd.config.rules import Refusal, suggestion
from dlmsd.web.kinds import Kind
from dlmsd.web.problem import FieldProblem, RefusedError

T = TypeVar("T")

# Nothing that is asked has more; each is looked up.
_MOST_PARAMETERS: Final = 32

# What a refusal repeats of a client's own key.
_MOST_NAMED: Final = 64
# Strings whole, as brackets may be in them.
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')

_converter: Final = Converter(forbid_extra_keys=True, detailed_validation=True)


def object_of(cls: type) -> Kind:
    """An object of ``cls``, whose fields say their kinds."""
    return Kind(lambda value: _structure(value, cls), {}, cls)


def objects_of(cls: type, most: int) -> Kind:
    """A list of objects of ``cls``."""

    def rule(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise Refusal(f"expected a list of at most {most} objects")
        _register(cls)
        return tuple(_converter.structure(value, list[cls]))  # type: ignore[valid-type]

    return Kind(rule, {"type": "array", "maxItems": most}, cls)


def kind_of(attribute: Any) -> Kind:
    """What a field was said to be."""
    kind: Kind = attribute.metadata["kind"]
    return kind


def _deepest(content: bytes) -> str:
    """The body's field that holds the deepest nesting; ``body`` if that is in none."""
    field = key = "body"
    depth = deepest = 0
    for piece in _PIECE.findall(content.decode("utf-8", "replace")):
        if piece[0] == '"':
            key = piece[1:-1] if depth == 1 else key
        elif piece in "[{":
            depth += 1
            if depth > deepest:
                deepest, field = depth, key
        else:
            depth -= 1
    return field[:_MOST_NAMED]


def take_body(kind: Kind, content: bytes) -> Any:
    """The value of a body; RefusedError with 400 for no JSON, 422 for wrong fields."""
    try:
        value = json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
    except RecursionError:
        wrong = [FieldProblem(_deepest(content), "is nested too deeply")]
        raise RefusedError(400, "The body is nested too deeply.", wrong) from None
    except ValueError:
        raise RefusedError(400, "The body is no JSON.") from None
    return taken(kind, value, "The body does not fit; errors says where.")


def take_query(cls: type[T], query: bytes) -> T:
    """The value of a query; RefusedError with 422."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise RefusedError(422, "The query is no text of parameters and values.") from None
    known = {alias(one): kind_of(one) for one in fields(cls)}  # type: ignore[arg-type]
    found: dict[str, object] = {}
    wrong = []
    for name, value in pairs:
        if name not in known:
            wrong.append(FieldProblem(name[:64], "unknown parameter" + suggestion(name, known)))
        elif name in found:
            wrong.append(FieldProblem(name, "stands here twice"))
        else:
            try:
                found[name] = known[name].of_text(value)
            except Refusal as error:
                wrong.append(FieldProblem(name, str(error)))
    for one in fields(cls):  # type: ignore[arg-type]
        if one.default is NOTHING and alias(one) not in found and not wrong:
            wrong.append(FieldProblem(alias(one), "is required"))
    if wrong:
        raise RefusedError(422, "The query does not fit; errors says where.", wrong)
    return cls(**{one.name: found[alias(one)] for one in fields(cls) if alias(one) in found})  # type: ignore[arg-type]


def alias(attribute: Any) -> str:
    """The name outside: from is none in Python."""
    return str(attribute.name).rstrip("_")


def taken(kind: Kind, value: object, detail: str) -> Any:
    """What JSON gave, as a value; RefusedError with 422, ``detail`` and each field's fault."""
    try:
        return kind.rule(value)
    except Refusal as error:
        raise RefusedError(422, detail, [FieldProblem("", str(error))]) from None
    except (ClassValidationError, IterableValidationError) as error:
        found = [
            FieldProblem(dotted(path)[:256], message) for path, message in faults(error, _unknown)
        ]
        raise RefusedError(422, detail, _once(found)) from None


def _once(found: Iterable[FieldProblem]) -> list[FieldProblem]:
    return list(dict.fromkeys(found))


def _structure(value: object, cls: type[T]) -> T:
    if not isinstance(value, dict):
        raise Refusal("expected an object")
    _register(cls)
    return _converter.structure(value, cls)


_known: Final[set[type]] = set()


def _register(cls: type) -> None:
    if cls in _known:
        return
    _known.add(cls)
    structured: Callable[[Any, Any], Any] = make_dict_structure_fn(
        cls,
        _converter,
        **{one.name: override(struct_hook=_hook(one)) for one in fields(cls)},  # type: ignore[arg-type]
    )

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Refusal("expected an object")
        return structured(value, cls)

    _converter.register_structure_hook(cls, hook)


def _hook(attribute: Any) -> Any:
    rule, nullable = kind_of(attribute).rule, attribute.default is None
    return lambda value, _: None if value is None and nullable else rule(value)


def _unknown(key: str, cls: type) -> str:
    return "unknown key" + suggestion(key, [one.name for one in fields(cls)])  # type: ignore[arg-type]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
