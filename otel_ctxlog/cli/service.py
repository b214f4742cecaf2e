"""Modules of the service that a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

__all__ = ["add_import", "import_modules"]


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
    import sys

    for name in names:
        if "" not in sys.path:
            sys.path.insert(0, "")
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a module of the user
            return f"--import {name}: {type(error).__name__}: {error}"
    return None
