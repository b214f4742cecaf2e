"""The house: which module may import which. The order is explained in `docs/architecture.md`."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "otel_ctxlog"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE

# Lowest first; rooms of one line are siblings and do not import each other.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors"}),
    frozenset({"engine"}),
    frozenset({"keyvalue", "otel"}),
    frozenset({"events"}),
    frozenset({"loggers"}),
    frozenset({"config", "console", "bridges", "delivery"}),
    frozenset({"admin"}),
    frozenset({"pipeline"}),
    frozenset({"questions", "receiver", "testing"}),
    frozenset({"cli", "pytest_plugin"}),
    frozenset({"__main__"}),
)
FACE = "__init__"
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

# The rooms that may import `opentelemetry`, and those that take nothing but the standard library from outside. A type
# named in annotations only is free: it loads nothing.
OTEL_ROOMS = frozenset(
    {"admin", "otel", "bridges", "console", "delivery", "pipeline", "receiver", "testing", "pytest_plugin", "cli"}
)
STANDARD_LIBRARY_ONLY = frozenset({"errors", "engine", "keyvalue", "events", "loggers"})
FORBIDDEN_NAMES = frozenset(
    {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "base_utils"}
)


@dataclass(frozen=True)
class Import:
    """One name imported by a module: where, what, and whether only type checkers see it."""

    module: str
    line: int
    target: str
    typing_only: bool

    @property
    def place(self) -> str:
        """``otel_ctxlog.engine.levels:12``."""
        return f"{self.module}:{self.line}"


class _Collector(ast.NodeVisitor):
    """Collects every import of a module, those in functions and under ``if TYPE_CHECKING`` included."""

    def __init__(self, module: str, *, is_package: bool, modules: frozenset[str]) -> None:
        self._module = module
        self._package = module if is_package else module.rpartition(".")[0]
        self._modules = modules
        self._typing_only = False
        self.found: list[Import] = []

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        typing_only = (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
            isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
        )
        before = self._typing_only
        self._typing_only = before or typing_only
        for statement in node.body:
            self.visit(statement)
        self._typing_only = before
        for statement in node.orelse:
            self.visit(statement)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(node.lineno, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parents = self._package.split(".")
            base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
        for alias in node.names:
            name = f"{base}.{alias.name}"
            # `from package import name`: a module where there is one, otherwise a name in the package.
            self._add(node.lineno, name if name in self._modules else base)

    def _add(self, line: int, target: str) -> None:
        self.found.append(Import(self._module, line, target, self._typing_only))


def module_files(root: Path) -> dict[str, Path]:
    """Every module below a package folder: its dotted name, and its file."""
    files: dict[str, Path] = {}
    for path in sorted(root.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(root).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        files[".".join(parts)] = path
    return files


def imports(root: Path) -> list[Import]:
    """Every import in every module below a package folder."""
    files = module_files(root)
    found: list[Import] = []
    for module, path in files.items():
        is_package = path.name == "__init__.py"
        collector = _Collector(module, is_package=is_package, modules=frozenset(files))
        collector.visit(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
        found.extend(collector.found)
    return found


def room_of(module: str) -> str:
    """The room a module of the package belongs to; `FACE` for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else FACE


def _inner_problem(source: str, target: str) -> str | None:
    if source in (target, FACE):
        return None
    if target == FACE:
        return "the face is for users: import the module that defines the name"
    if source not in LEVEL or target not in LEVEL:
        unknown = source if source not in LEVEL else target
        return f"room {unknown!r} has no place in the layers"
    if LEVEL[target] > LEVEL[source]:
        return f"{target} lies above {source}"
    if LEVEL[target] == LEVEL[source]:
        return f"{source} and {target} are siblings"
    return None


def _outer_problem(source: str, found: Import) -> str | None:
    top = found.target.partition(".")[0]
    if found.typing_only:
        return None
    if top == "opentelemetry":
        return None if source in OTEL_ROOMS else f"only {', '.join(sorted(OTEL_ROOMS))} may import opentelemetry"
    if source in STANDARD_LIBRARY_ONLY and top not in sys.stdlib_module_names:
        return f"{source} takes nothing but the standard library from outside"
    return None


def wrong_edges(root: Path) -> list[str]:
    """One line for each import that the layers do not allow: place, target, reason."""
    wrong: list[str] = []
    for found in imports(root):
        source = room_of(found.module)
        inner = found.target.split(".")[0] == PACKAGE
        problem = _inner_problem(source, room_of(found.target)) if inner else _outer_problem(source, found)
        if problem is not None:
            wrong.append(f"{found.place} imports {found.target}: {problem}")
    return wrong


def cycles(root: Path) -> list[str]:
    """Each import cycle between modules as ``a -> b -> a``; imports that only type checkers see are left out."""
    files = module_files(root)
    graph: dict[str, list[str]] = {module: [] for module in files}
    for found in imports(root):
        if not found.typing_only and found.target in files and found.target != found.module:
            graph[found.module].append(found.target)
    found_cycles: list[str] = []
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> None:
        if module in path:
            found_cycles.append(" -> ".join([*path[path.index(module) :], module]))
            return
        if module in done:
            return
        for target in graph[module]:
            walk(target, [*path, module])
        done.add(module)

    for module in graph:
        walk(module, [])
    return found_cycles


def plant(root: Path, files: dict[str, str]) -> Path:
    """A package folder below `root` with these files."""
    folder = root / PACKAGE
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_every_import_goes_downwards() -> None:
    """No module imports from a room above its own or beside it, nor from outside what its room may not."""
    assert wrong_edges(ROOT) == []


def test_no_two_modules_import_each_other() -> None:
    """The imports that run form no cycle, at module level or in functions."""
    assert cycles(ROOT) == []


def test_every_room_has_a_place() -> None:
    """A new room at the top of the package has to be given its layer here."""
    rooms = {room_of(module) for module in module_files(ROOT)} - {FACE}

    assert rooms - set(LEVEL) == set()


def test_no_module_is_named_after_nothing() -> None:
    """No module is a drawer called utils, helpers, common, manager or the like."""
    names = {name for module in module_files(ROOT) for name in module.split(".")}

    assert {name for name in names if name.strip("_") in FORBIDDEN_NAMES} == set()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "engine/levels.py",
            "def f():\n    from otel_ctxlog.loggers import bound\n",
            "otel_ctxlog.engine.levels:2 imports otel_ctxlog.loggers: loggers lies above engine",
        ),
        (
            "config/load.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from otel_ctxlog.console.human import Human\n",
            "otel_ctxlog.config.load:3 imports otel_ctxlog.console.human: config and console are siblings",
        ),
        (
            "events/otel.py",
            "import opentelemetry.trace\n",
            (
                "otel_ctxlog.events.otel:1 imports opentelemetry.trace: "
                "only admin, bridges, cli, console, delivery, otel, pipeline, pytest_plugin, receiver, testing "
                "may import opentelemetry"
            ),
        ),
        (
            "engine/values.py",
            "import yaml\n",
            "otel_ctxlog.engine.values:1 imports yaml: engine takes nothing but the standard library from outside",
        ),
        (
            "loggers/bound.py",
            "from .. import errors\nfrom ..pipeline import setup\n",
            "otel_ctxlog.loggers.bound:2 imports otel_ctxlog.pipeline: pipeline lies above loggers",
        ),
        (
            "pipeline/face.py",
            "from otel_ctxlog import LoggingContext\n",
            (
                "otel_ctxlog.pipeline.face:1 imports otel_ctxlog: "
                "the face is for users: import the module that defines the name"
            ),
        ),
        (
            "drawer.py",
            "import otel_ctxlog.engine\n",
            "otel_ctxlog.drawer:1 imports otel_ctxlog.engine: room 'drawer' has no place in the layers",
        ),
    ],
)
def test_a_planted_wrong_edge_is_named(tmp_path: Path, name: str, text: str, expected: str) -> None:
    """The check sees imports wherever they hide, and says place, target and reason."""
    rooms = {f"{room}/__init__.py": "" for room in ("engine", "loggers", "config", "events", "pipeline")}
    root = plant(tmp_path, {"__init__.py": "from otel_ctxlog import pipeline\n", "errors.py": "", **rooms, name: text})

    assert wrong_edges(root) == [expected]


def test_a_planted_cycle_is_named(tmp_path: Path) -> None:
    """A cycle is found even if one of its imports stands in a function; one for type checkers only is none."""
    root = plant(
        tmp_path,
        {
            "__init__.py": "",
            "engine/__init__.py": "",
            "engine/a.py": "from otel_ctxlog.engine import b\n",
            "engine/b.py": "def f():\n    import otel_ctxlog.engine.a\n",
            "engine/c.py": "from otel_ctxlog.engine import d\n",
            "engine/d.py": "import typing\nif typing.TYPE_CHECKING:\n    import otel_ctxlog.engine.c\n",
        },
    )

    assert cycles(root) == ["otel_ctxlog.engine.a -> otel_ctxlog.engine.b -> otel_ctxlog.engine.a"]
