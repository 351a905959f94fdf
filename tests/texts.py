"""Every English text that a catalogue must have, found in the code."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click

import dlmsd
from dlmsd.cli.clock import ROWS
from dlmsd.cli.command import command
from dlmsd.cli.help import LABELS, metavars, paragraphs
from dlmsd.cli.scan import COLUMNS
from dlmsd.errors import DlmsdError
from dlmsd.publish.provision import Outcome
from dlmsd.simulator.personality import PERSONALITIES

ROOT = Path(dlmsd.__file__).parent
# What is said by its variable: advices, COLUMNS, ROWS, outcomes; all are collected below.
LISTED = frozenset(
    {"error.advice", "one.advice", "one['advice']", "advice", "name", "key", "one.outcome.value"}
)
# They say what click or a docstring gives them.
MECHANISM = ("help.py", "language.py")
# Rooms whose sentences speak of octets, to whom knows the standard; they stay as they are.
ENGLISH = ("dlms", "simulator")
# What click itself says in a help.
CLICK = ("Usage:", "Options", "Commands", "default", "required", "Error: {message}")
# Cells such as float32:1.5 are the same in every language.
_PROSE = re.compile(r" |:$")


def said() -> set[str]:
    """What commands say, and their help."""
    found = {*CLICK, *LABELS, *COLUMNS, *ROWS, *(one.value for one in Outcome)}
    found |= {one.words for one in PERSONALITIES.values()}
    for path in sorted((ROOT / "cli").glob("*.py")):
        found |= set(_said(path))
    for one, context in commands():
        found |= set(_helped(one, context))
    return {text for text in found if text}


def advices() -> set[str]:
    """What the operator reads below an error, by its class."""
    return {" ".join((kind.__doc__ or "").split()) for kind in errors()}


def errors() -> Iterator[type[DlmsdError]]:
    """All classes of dlmsd's errors."""
    for module in pkgutil.walk_packages(dlmsd.__path__, "dlmsd."):
        # The demo's broker needs a package that need not be there.
        if not module.name.endswith(("__main__", "cli.broker")):
            importlib.import_module(module.name)
    waiting = [DlmsdError]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += kind.__subclasses__()


def sentences() -> set[str]:
    """What errors say of their case, as patterns; those of ``ENGLISH`` rooms excepted."""
    names = {kind.__name__ for kind in errors()} | {"Refusal", "RefusedError", "ValueError"}
    found: set[str] = set()
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] not in ENGLISH:
            found |= set(_raised(ast.parse(path.read_text()), names))
    return found


def commands() -> Iterator[tuple[click.Command, click.Context]]:
    """Each command with a context, the main one first."""
    waiting = [(command, click.Context(command, info_name="dlmsd"))]
    while waiting:
        one, context = waiting.pop()
        yield one, context
        for name, below in getattr(one, "commands", {}).items():
            waiting.append((below, click.Context(below, parent=context, info_name=name)))


def pattern(node: ast.expr) -> str | None:
    """A literal or an f-string as a catalogue has it; None for what is made otherwise."""
    match node:
        case ast.Constant(value=str() as text):
            return text.replace("{", "{{").replace("}", "}}")
        case ast.JoinedStr(values=parts):
            taken: list[str] = []
            return "".join(_part(part, taken) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = pattern(left), pattern(right)
            return None if first is None or second is None else first + second
    return None


def _part(part: ast.expr, taken: list[str]) -> str:
    if isinstance(part, ast.Constant):
        return pattern(part) or ""
    assert isinstance(part, ast.FormattedValue)
    inner = part.value
    while isinstance(inner, ast.Call):
        inner = inner.args[0] if inner.args else inner.func
    name = getattr(inner, "id", None) or getattr(inner, "attr", None) or "value"
    name = name.strip("_").lower()
    if name in taken:
        name = f"{name}_{len(taken)}"
    taken.append(name)
    return f"{{{name}}}"


def _said(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield first.value
            elif path.name not in MECHANISM:
                what = ast.unparse(first)
                assert what in LISTED, f"{path}:{node.lineno}: where does say({what}) come from?"


def _helped(one: click.Command, context: click.Context) -> Iterator[str]:
    for text in (one.help, one.epilog):
        yield from (each for each in paragraphs(text or "") if _PROSE.search(each))
    for param in one.get_params(context):
        if isinstance(param, click.Option):
            yield param.help or ""
            record = param.get_help_record(context)
            yield from metavars([record[0].partition(" ")[2]] if record else [])
    yield from metavars(one.collect_usage_pieces(context))


def _raised(tree: ast.AST, names: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            if called in names:
                for argument in node.args[:2]:
                    found = pattern(argument)
                    # Of values alone there is nothing to say.
                    if found and re.search(r"[a-z]{2}", re.sub(r"{\w+}", "", found)):
                        yield found
