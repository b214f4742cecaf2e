"""`otel-ctxlog check`: what is wrong with configurations, and what of them is hardly meant."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from otel_ctxlog.cli.service import add_import, import_modules, standard_input, writing

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from otel_ctxlog.config.findings import Finding

_DESCRIPTION = """\
Check configurations of rules: errors, and warnings about rules that never decide, contradict themselves, or name what
there is not. Nothing is configured. Findings go to standard output, one line each, and a summary to standard error.
"""
_EPILOG = """\
exit codes: 0: no errors (with --strict: no warnings either); 1: warnings, with --strict; 2: errors, or files that
cannot be read.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    """Add the command to a parser."""
    parser = commands.add_parser(
        "check",
        help="find mistakes in configurations",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("config", nargs="*", metavar="CONFIG", help="YAML files; - is standard input")
    parser.add_argument(
        "--rules", action="append", default=[], metavar="TEXT", help="one-line rules to check; may be repeated"
    )
    add_import(parser, "to know its own types, and the tags and realms that it defines")
    parser.add_argument(
        "--sources",
        type=_sources,
        default=("baggage", "span"),
        metavar="NAMES",
        help="what the service looks at, of baggage and span, with a comma; none: nothing (default: baggage,span)",
    )
    parser.add_argument("--strict", action="store_true", help="exit code 1 where there are warnings")
    parser.add_argument("--json", action="store_true", help="findings as JSON: a list of objects")
    parser.set_defaults(run=run, error=parser.error)


@writing
def run(arguments: argparse.Namespace) -> int:
    """Check; the exit code."""
    if not arguments.config and not arguments.rules:
        error: Any = arguments.error
        error("there is nothing to check: name a CONFIG, or give --rules")
    problem = import_modules(arguments.modules)
    if problem is not None:
        print(f"otel-ctxlog check: {problem}", file=sys.stderr)
        return 2
    findings = _findings(arguments)
    if arguments.json:
        print(json.dumps([_as_json(one) for one in findings], indent=2))
    else:
        for one in findings:
            print(one)
    errors = sum(one.is_error for one in findings)
    checked = len(arguments.config) + len(arguments.rules)
    summary = f"{_count(checked, 'configuration')} checked: {_count(errors, 'error')}, "
    print(summary + _count(len(findings) - errors, "warning"), file=sys.stderr)
    if errors:
        return 2
    return 1 if findings and arguments.strict else 0


def _findings(arguments: argparse.Namespace) -> list[Finding]:
    from pathlib import Path

    from otel_ctxlog.config.lint import check, check_rules
    from otel_ctxlog.engine.catalogue import realm_definitions, tag_definitions

    # Where nothing is defined, nothing is known.
    realms: Collection[str] | None = realm_definitions() or None
    tags: Collection[str] | None = tag_definitions() or None
    findings: list[Finding] = []
    for name in arguments.config:
        source = standard_input() if name == "-" else Path(name)
        found = check(source, realms=realms, tags=tags, sources=arguments.sources)
        findings += found if name != "-" else [one.in_file("<stdin>") for one in found]
    for number, text in enumerate(arguments.rules, start=1):
        name = "--rules" if len(arguments.rules) == 1 else f"--rules[{number}]"
        findings += check_rules(text, name=name, realms=realms, tags=tags, sources=arguments.sources)
    return findings


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "severity": "error" if finding.is_error else "warning",
        "code": finding.code,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "path": finding.path,
        "problem": finding.problem.partition("\n")[0],
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _sources(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if names == ("none",):
        return ()
    for name in names:
        if name not in ("baggage", "span"):
            raise argparse.ArgumentTypeError(f"unknown source {name!r}; allowed: baggage, span, none")
    return names
