"""`otel-ctxlog schema`: the JSON Schema of configurations, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_ctxlog.cli.service import writing

if TYPE_CHECKING:
    import argparse

_DESCRIPTION = """\
Print the JSON Schema (draft 2020-12) of YAML configurations, for editors that complete and check what is typed: write
it to a file, and name that in the first line of a configuration, as "# yaml-language-server: $schema=schema.json".
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    """Add the command to a parser."""
    parser = commands.add_parser(
        "schema", help="print the JSON Schema of configurations", description=_DESCRIPTION, allow_abbrev=False
    )
    parser.set_defaults(run=run, error=parser.error)


@writing
def run(_arguments: argparse.Namespace) -> int:
    """Print it; the exit code."""
    from importlib.resources import files

    print(files("otel_ctxlog.config").joinpath("schema.json").read_text(encoding="utf-8"), end="")
    return 0
