"""The API page: the OpenAPI document as plain HTML, without any script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

_HEAD: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dlmsd: REST</title>
<link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/reference.css">
</head>
<body>
"""


def page(document: Mapping[str, Any]) -> bytes:
    """The whole page; whatever stands in the document is text here."""
    return (_HEAD + "\n".join(_body(document)) + "\n</body>\n</html>\n").encode()


def _body(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield f"<header><h1>dlmsd {escape(info['version'])}: REST</h1>"
    yield "<p>Errors are <code>application/problem+json</code> (RFC 9457); <code>errors</code>"
    yield "names the fields. Where a token is needed, send"
    yield "<code>Authorization: Bearer TOKEN</code>. For programs:"
    yield '<a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1).</p></header>'
    yield "<main>"
    for tag in document["tags"]:
        found = [
            (path, method, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation["tags"]
        ]
        if found:
            yield f"<section><h2>{escape(tag['description'])}</h2>"
            for path, method, operation in found:
                yield from _operation(path, method, operation)
            yield "</section>"
    yield "<section><h2>Objects</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<details id="{escape(name)}"><summary>{escape(name)}</summary>'
        yield f"<p>{_code(schema.get('description', ''))}</p>"
        yield from _properties(schema)
        yield "</details>"
    yield "</section></main>"


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    name = escape(operation["operationId"])
    yield f'<details id="{name}"><summary><b>{method.upper()}</b> <code>{escape(path)}</code> '
    yield f"{_code(operation['summary'])}</summary>"
    token = "Needs a token." if operation["security"] else "Needs no token here."
    yield f"<p>{token}</p>"
    if operation["parameters"]:
        yield from _table(
            ("Parameter", "In", "Type", ""),
            (
                (
                    _name(one["name"], one["required"]),
                    one["in"],
                    _type(one["schema"]),
                    _code(one.get("description", "")),
                )
                for one in operation["parameters"]
            ),
        )
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        yield f"<p>Body: {_type(content['schema'])}</p>"
    yield from _table(
        ("Status", "Means", "Body"),
        (
            (escape(status), _code(one["description"]), _contents(one))
            for status, one in operation["responses"].items()
        ),
    )
    yield "</details>"


def _properties(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    yield from _table(
        ("Field", "Type", ""),
        (
            (_name(name, name in required), _type(one), _code(one.get("description", "")))
            for name, one in schema.get("properties", {}).items()
        ),
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f'<th scope="col">{one}</th>' for one in head) + "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</tbody></table></div>"


def _contents(response: Mapping[str, Any]) -> str:
    return "<br>".join(
        f"{_type(one['schema'])} <small>{escape(media)}</small>"
        for media, one in response.get("content", {}).items()
    )


def _name(name: str, required: bool) -> str:
    return f"<code>{escape(name)}</code>" + (" <small>required</small>" if required else "")


def _type(schema: Mapping[str, Any]) -> str:
    """A type in some words, with what bounds it."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(json.dumps(one))}</code>" for one in schema["enum"])
    kinds = schema.get("type", "anything")
    kind = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "items" in schema:
        kind = kind.replace("array", f"list of {_type(schema['items'])}")
    bounds = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("default", "default"))
        if key in schema
    ]
    return f"{kind} {escape(' '.join(bounds))}".strip()


def _code(text: str) -> str:
    """Text, of which every second part between single quotes of Markdown is code."""
    parts = text.split("`")
    return "".join(
        f"<code>{escape(part)}</code>" if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )
