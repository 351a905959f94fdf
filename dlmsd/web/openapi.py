"""OpenAPI 3.1 from the operations themselves: what validates is what is documented.

Bodies and queries come from their fields' kinds, answers from their classes' types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import NOTHING, fields

from dlmsd.web.access import Access, Need
from dlmsd.web.kinds import PATHS, Kind
from dlmsd.web.operation import JSON, Answer, Operation
from dlmsd.web.problem import MEDIA_TYPE, Problem
from dlmsd.web.shape import alias, kind_of

_REF: Final = "#/components/schemas/{name}"
_SCHEME: Final = "token"

_REFUSALS: Final = {
    400: "The body is no JSON, or a filter is missing",
    401: "A token is missing or wrong",
    403: "This token or this host may not",
    404: "There is no such thing",
    409: "It does not go with what is there; detail says why",
    410: "It is no more; detail says what stands in its place",
    412: "What If-Match names has changed meanwhile",
    413: "The body is too large",
    415: "The body is not said to be JSON",
    422: "A field does not fit; errors names each",
    424: "The meter or the broker failed; detail says how",
    429: "Too many wrong tokens",
    503: "dlmsd is starting or stopping, or its disk fails",
}
_EVERYWHERE: Final = (503,)
_TOKEN: Final = (401, 403, 429)
_TAGS: Final = {
    "meters": "Meters, and one meter's running",
    "configuration": "What is read of a meter, and where that goes",
    "readings": "The history",
    "metrics": "How meters and network fared",
    "alarms": "Alarms",
    "diagnosis": "What is wrong, and what to do",
    "scan": "Searching networks for meters",
    "system": "The daemon as a whole",
}


def document(operations: Sequence[Operation], access: Access, version: str) -> dict[str, Any]:
    """The whole document, as it is true where this daemon listens."""
    schemas = _Schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, access, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dlmsd",
            "version": version,
            "summary": "Meters, their readings, and the daemon that reads them",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": says} for name, says in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.all,
            "securitySchemes": {
                _SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`dlmsd token` shows the first; `dlmsd token add` makes others",
                }
            },
        },
    }


class _Schemas:
    """Every class by its name: those of answers by their types, those of bodies by kinds."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        told = [
            answer.holds
            for one in operations
            for answer in one.answers.values()
            if answer.holds is not None
        ]
        types = list({repr(one): one for one in [Problem, *told]}.values())
        schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
        self._types = {repr(one): schema for one, schema in zip(types, schemas, strict=True)}
        self.all: dict[str, Any] = {name: _exact(schema) for name, schema in components.items()}

    def answer(self, held: Any) -> Any:
        """The schema of an answer's class."""
        return _exact(self._types[repr(held)])

    def kind(self, kind: Kind, attribute: Any = None) -> dict[str, Any]:
        """The schema of a value; its field says how it is told and whether it may be null."""
        schema: dict[str, Any] = dict(kind.schema)
        if kind.holds is not None:
            reference = {"$ref": _REF.format(name=self._object(kind.holds))}
            if schema.get("type") == "array":
                schema["items"] = reference
            else:
                schema = reference
        return schema

    def field(self, attribute: Any) -> dict[str, Any]:
        """The same of a field: with its words, its example, and null where that is a default."""
        schema = self.kind(kind_of(attribute))
        if attribute.default is None:
            schema = _or_null(schema)
        elif attribute.default is not NOTHING:
            schema["default"] = msgspec.to_builtins(attribute.default)
        if attribute.metadata["says"]:
            schema["description"] = attribute.metadata["says"]
        if attribute.metadata["example"] is not NOTHING:
            schema["examples"] = [attribute.metadata["example"]]
        return schema

    def _object(self, cls: type) -> str:
        if cls.__name__ not in self.all:
            self.all[cls.__name__] = {}
            attributes = fields(cls)  # type: ignore[arg-type]
            self.all[cls.__name__] = {
                "title": cls.__name__,
                "type": "object",
                "description": _words(cls),
                "properties": {alias(one): self.field(one) for one in attributes},
                "required": [alias(one) for one in attributes if one.default is NOTHING],
                "additionalProperties": False,
            }
        return cls.__name__


def _operation(one: Operation, access: Access, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "tags": [one.tag],
        "security": _security(one.need, access),
        "parameters": _parameters(one, schemas),
        "responses": _responses(one, access, schemas),
    }
    if one.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": schemas.kind(one.body)}},
        }
    return found


def _security(need: Need, access: Access) -> list[dict[str, list[str]]]:
    """Empty where none is needed; reads that are free take a token all the same."""
    return [] if access.free(need) else [{_SCHEME: []}]


def _parameters(one: Operation, schemas: _Schemas) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": dict(PATHS[name].schema)}
        for name in one.parameters
    ]
    for attribute in fields(one.query) if one.query is not None else ():  # type: ignore[arg-type]
        schema = dict(kind_of(attribute).schema)
        if attribute.default not in (None, NOTHING):
            schema["default"] = attribute.default
        parameter = {
            "name": alias(attribute),
            "in": "query",
            "required": attribute.default is NOTHING,
            "schema": schema,
        }
        if attribute.metadata["says"]:
            parameter["description"] = attribute.metadata["says"]
        found.append(parameter)
    if one.conditional:
        says = "The ETag that a change rests upon; 412 if it is no more"
        schema = {"type": "string"}
        header = {"name": "If-Match", "in": "header", "required": False, "schema": schema}
        found.append(header | {"description": says})
    return found


def _responses(one: Operation, access: Access, schemas: _Schemas) -> dict[str, Any]:
    found = {str(status): _answer(answer, schemas) for status, answer in one.answers.items()}
    statuses = {*one.refuses, *(() if one.early else _EVERYWHERE)}
    if not access.free(one.need):
        statuses |= {*_TOKEN}
    if access.loopback:
        statuses.add(403)
    if one.body is not None:
        statuses |= {400, 413, 415, 422}
    else:
        statuses.add(415)
    if one.query is not None or one.body is None:
        statuses.add(422)
    if one.parameters:
        statuses.add(404)
    problem = {MEDIA_TYPE: {"schema": schemas.answer(Problem)}}
    for status in sorted(statuses):
        found[str(status)] = {"description": _REFUSALS[status], "content": problem}
    return dict(sorted(found.items()))


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.says}
    content: dict[str, Any] = {}
    if answer.holds is not None:
        content[JSON] = {"schema": schemas.answer(answer.holds)}
    if answer.also is not None:
        content[answer.also] = {"schema": {"type": "string"}}
    if content:
        found["content"] = content
    if answer.headers:
        found["headers"] = {
            name: {"description": says, "schema": {"type": "string"}}
            for name, says in answer.headers.items()
        }
    return found


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    found = schema | {"type": [schema["type"], "null"]}
    if "enum" in schema:
        found["enum"] = [*schema["enum"], None]
    return found


def _exact(schema: Any) -> Any:
    """An object of ours always has all its keys, and no others."""
    if isinstance(schema, Mapping) and schema.get("type") == "object" and "properties" in schema:
        names = list(schema["properties"])
        plain = {key: value for key, value in schema.items() if key != "description"}
        words = _plain(str(schema.get("description", "")))
        properties = {
            name: {key: value for key, value in one.items() if key != "default"}
            for name, one in schema["properties"].items()
        }
        return plain | {
            "description": words,
            "properties": properties,
            "required": names,
            "additionalProperties": False,
        }
    return schema


def _words(cls: type) -> str:
    return _plain(cls.__doc__ or "")


def _plain(text: str) -> str:
    """A docstring as a sentence: code in single quotes of Markdown, on one line."""
    return re.sub(r"``", "`", " ".join(text.split()))
