"""Every English text that a catalogue must have, found in the code."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import string
from collections.abc import Iterator
from pathlib import Path

import click

import dlmsd
from dlmsd.cli.clock import ROWS
from dlmsd.cli.command import command
from dlmsd.cli.help import LABELS, metavars, paragraphs
from dlmsd.cli.rows import FIXED
from dlmsd.cli.scan import COLUMNS
from dlmsd.dlms.acse.diagnostic import UserDiagnostic
from dlmsd.dlms.quirks import QUIRKS
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.errors import DlmsdError
from dlmsd.publish.provision import Outcome
from dlmsd.simulator.personality import PERSONALITIES

ROOT = Path(dlmsd.__file__).parent
# What is said by its variable: advices, COLUMNS, FIXED, ROWS, outcomes; all are collected below.
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
    found = {*CLICK, *LABELS, *COLUMNS, *ROWS, *FIXED, *(one.value for one in Outcome)}
    found |= {one.words for one in PERSONALITIES.values()}
    for path in sorted((ROOT / "cli").glob("*.py")):
        found |= set(_said(path))
    for one, context in commands():
        found |= set(_helped(one, context))
    return {text for text in found if text}


# Where texts go that somebody reads.
_SHOWING = frozenset(
    {"echo", "secho", "prompt", "confirm", "add_task", "show_table"}
    | {"UsageError", "ClickException", "BadParameter"}
)
_WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")


def unsaid() -> list[str]:
    """English that commands show without saying it in the reader's language."""
    found = []
    for path in sorted((ROOT / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _called(node) in _SHOWING:
                found += [
                    f"{path.name}:{one.lineno}: {one.value}"
                    for argument in node.args
                    for one in _shown(argument)
                    if _WORDS.search(one.value)
                ]
    return found


def _shown(node: ast.AST) -> Iterator[ast.Constant]:
    """Texts below ``node`` that no call of ``say`` has."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    elif not (isinstance(node, ast.Call) and _called(node) == "say"):
        for below in ast.iter_child_nodes(node):
            yield from _shown(below)


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
    for path in sorted((ROOT / "config").glob("*.py")):
        found |= set(_refused(ast.parse(path.read_text())))
    for codes in (DataAccessResult, ActionResult, UserDiagnostic):
        found |= {one.words.partition(": ")[2] for one in codes}
    found |= {quirk.weakens for quirk in QUIRKS.values()}
    # Of values alone, or of one word, there is nothing to say.
    return {one for one in found if re.search(r"[a-z] [a-z(]", re.sub(r"{\w+}", "", one))}


def literals() -> str:
    """All text of the code, for finding out whether it still says something."""
    found: list[str] = []
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\0".join(found)


# Between clauses, and around counts: each comes from a place of its own.
_CLAUSE = re.compile("[;:,] | (?=once|since|ever)|(?<=once) |(?<=times) ")


def told(key: str, literals: str) -> bool:
    """Whether the code may say ``key``: each clause of it stands there somewhere."""
    pieces = [piece for piece, *_ in string.Formatter().parse(key)]
    clauses = [clause for piece in pieces for clause in _CLAUSE.split(piece)]
    return all(clause.strip() in literals for clause in clauses)


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
    for text in (one.help, one.short_help, one.epilog):
        yield from (each for each in paragraphs(text or "") if _PROSE.search(each))
    for param in one.get_params(context):
        if isinstance(param, click.Option):
            yield param.help or ""
            record = param.get_help_record(context)
            yield from metavars([record[0].partition(" ")[2]] if record else [])
    yield from metavars(one.collect_usage_pieces(context))


def _raised(tree: ast.AST, names: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in names:
            yield from _patterns(node.args[:2])


# Where the configuration's rooms put what they say before they say it.
_KEPT = re.compile(r"_?(message|expected|otherwise|listen|connect|lists|units|what|why|hint)", re.I)


def _refused(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call() if _called(node) in ("problem", "misfit", "Misfit"):
                yield from _patterns(node.args)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _KEPT.fullmatch(name):
                yield from _patterns([value])
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                if _KEPT.fullmatch(name):
                    yield from _patterns([value])


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def _patterns(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.IfExp):
            yield from _patterns([node.body, node.orelse])
        elif found := pattern(node):
            yield found
