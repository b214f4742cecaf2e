"""What does not go together on the command line of `otel-ctxlog events`, told before anything is loaded."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Final

from otel_ctxlog.cli.service import is_terminal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

__all__ = ["FORMATS", "check"]

FORMATS: Final = ("table", "csv", "jsonl", "parquet")
_ENDINGS: Final = {"": "table", "txt": "table", **{name: name for name in FORMATS}}
_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")


def check(arguments: argparse.Namespace) -> None:
    """Refuse what does not go together, and set the format.

    Raises:
        SystemExit: something does not; one line says what.
    """
    error: Callable[[str], Any] = arguments.error
    _check_texts(arguments, error)
    _check_question(arguments, error)
    if arguments.format is None:
        arguments.format = _format_of(arguments.output or "", error)
    if arguments.format != "table" and (arguments.timeline or arguments.schema):
        error(f"--{'timeline' if arguments.timeline else 'schema'} has no format {arguments.format}; --rate has")
    if arguments.newest and arguments.trace is not None and arguments.columns is None and arguments.format == "table":
        error("--newest belongs to a list, not to the tree of a trace")
    if arguments.format == "parquet" and arguments.output is None and is_terminal(sys.stdout):
        error("--format parquet is not for a terminal; take -o FILE")


def _check_texts(arguments: argparse.Namespace, error: Callable[[str], Any]) -> None:
    for name, value in vars(arguments).items():
        texts: list[object] = [*value] if isinstance(value, (list, tuple)) else [value]
        for text in texts if name not in ("files", "output") else ():
            # Bytes of a command line that are no UTF-8 come as half characters, which no database takes.
            if isinstance(text, str) and _HALF_CHARACTER.search(text):
                error(f"argument --{name.replace('_', '-')}: expected UTF-8, found {text!a}")


def _check_question(arguments: argparse.Namespace, error: Callable[[str], Any]) -> None:
    counted = arguments.count_by is not None or arguments.rate is not None or arguments.timeline
    own = arguments.sql is not None
    for wrong, complaint in (
        (not arguments.files and not arguments.schema, "the following arguments are required: FILE"),
        (
            arguments.by and arguments.rate is None and not arguments.timeline,
            "--by belongs to --rate or --timeline",
        ),
        (arguments.top is not None and not counted, "--top belongs to --count-by, --rate or --timeline"),
        (arguments.top is not None and arguments.limit is not None, "--top and --limit are alternatives"),
        (
            arguments.limit is not None and (own or arguments.timeline or arguments.schema),
            "--limit belongs to a list, --count-by or --rate; the SELECT of --sql can have a LIMIT of its own",
        ),
        (arguments.newest and (counted or own or arguments.schema), "--newest belongs to a list"),
        (
            arguments.where and (own or arguments.schema),
            "--where does not go with --sql, whose SELECT has a WHERE of its own, or with --schema",
        ),
        (arguments.distinct and arguments.schema, "--distinct does not go with --schema, which keeps no records"),
        (arguments.files.count("-") > 1, "standard input can be read once"),
    ):
        if wrong:
            error(complaint)


def _format_of(output: str, error: Callable[[str], Any]) -> str:
    """The format that a file's ending says; a table where it has none."""
    from difflib import get_close_matches

    ending = os.path.splitext(output)[1][1:].lower()  # noqa: PTH122 - a name, whatever it names
    if ending not in _ENDINGS:
        near = get_close_matches(ending, [name for name in _ENDINGS if name], n=1)
        hint = f"; did you mean .{near[0]}?" if near else ""
        error(
            f"-o {output!r} does not say a format: known are the endings .csv, .jsonl, .parquet, and .txt or none for "
            f"a table; or take --format{hint}"
        )
    return _ENDINGS[ending]
