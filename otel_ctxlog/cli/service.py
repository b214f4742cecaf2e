"""What commands share: modules of the service that they are about, standard input, output that any terminal takes."""

from __future__ import annotations

import functools
import io
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable
    from typing import TextIO

__all__ = ["add_import", "import_modules", "is_terminal", "standard_input", "writing"]

# As a shell has it for a process that SIGPIPE ended.
_NOBODY_READS: Final = 128 + 13


def add_import(parser: argparse.ArgumentParser, why: str) -> None:
    """Add the option ``--import``; the names are in ``arguments.modules``."""
    parser.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help=f"import a module of the service before, {why}; may be repeated",
    )


def import_modules(names: Iterable[str]) -> str | None:
    """Import modules, also such as lie in the current folder; what went wrong, or None."""
    import importlib

    for name in names:
        if "" not in sys.path:
            sys.path.insert(0, "")
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a module of the user
            return f"--import {name}: {type(error).__name__}: {error}"
    return None


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether somebody sits there; not at a stream that is closed."""
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError, OSError):
        return False


def standard_input() -> bytes:
    """Read standard input to its end; nothing where it is closed. On a terminal, say that it is read."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]
        return b""
    if is_terminal(sys.stdin):
        print("reading a configuration in YAML from the terminal; Ctrl-D ends it", file=sys.stderr)
    return sys.stdin.buffer.read()


def writing(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """`run` with output that never fails: what a terminal cannot show is escaped, and a reader may stop reading."""

    @functools.wraps(run)
    def written(arguments: argparse.Namespace) -> int:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = run(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            # What Python would still write at its end goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _NOBODY_READS
        return code

    return written
