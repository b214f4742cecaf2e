"""The command `otel-ctxlog`; one module per subcommand, which imports what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from otel_ctxlog.cli import check, events, explain, receive, schema, spool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, by default the process's own, and return the exit code.

    0 for success, 1 for a failure that one line on stderr explains; some commands say more by it, see their ``--help``.

    Raises:
        SystemExit: with 2 for a wrong command line, with 0 after ``--help`` and ``--version``.
    """
    parser = argparse.ArgumentParser(prog="otel-ctxlog", description="Tools for otel_ctxlog.")
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    receive.add_to(commands)
    events.add_to(commands)
    explain.add_to(commands)
    check.add_to(commands)
    schema.add_to(commands)
    spool.add_to(commands)
    # Not `parse_args`, which would answer an unknown option of a command with the usage of this parser.
    arguments, unknown = parser.parse_known_args(spool.with_path(sys.argv[1:] if argv is None else argv))
    if unknown:
        arguments.error(f"unrecognized arguments: {' '.join(unknown)}")
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


class _Version(argparse.Action):
    """As argparse's own, but the package metadata is only read when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help="print the version and exit")

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002
        values: object,  # noqa: ARG002
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("otel-ctxlog")
        except PackageNotFoundError:
            found = "(not installed)"
        print(f"{parser.prog} {found}")
        parser.exit()
