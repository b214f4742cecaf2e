"""`otel-ctxlog spool PATH`: what waits in a spool, whether it is intact, and sending it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from otel_ctxlog.cli.service import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from otel_ctxlog.delivery.spool.entries import Encoded
    from otel_ctxlog.delivery.spool.inspecting import OwnerView, SpoolView
    from otel_ctxlog.receiver.show import Style

_DESCRIPTION = """\
Look into the directory of a spool, where records wait that were not delivered yet. Nothing is changed, but by `drain`;
processes that use the spool may go on.
"""
_EPILOG = """\
exit codes: 0: all is well; 1: verify has found damage, records has found what is no OTLP, or drain could not deliver
everything that it should; 2: a wrong command line, or a PATH that cannot be read or is no spool.
"""

_VARIABLE = "OTEL_CTXLOG_SPOOL"
_ACTIONS = ("show", "records", "verify", "drain")
_UNITS = ("KiB", "MiB", "GiB")
_STEP = 1024

# Records in one request of OTLP JSON.
_AT_ONCE = 100


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    """Add the command to a parser."""
    parser = commands.add_parser(
        "spool",
        help="show, check and send what waits in a spool",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument(
        "path",
        metavar="PATH",
        help=f"the directory that was given to setup(spool=…); default: the variable {_VARIABLE}",
    )
    parser.set_defaults(run=show, error=parser.error, json=False)
    actions = parser.add_subparsers(title="what to do", metavar="ACTION")
    show_parser = actions.add_parser("show", help="what waits, by process (the default)", allow_abbrev=False)
    show_parser.set_defaults(run=show, error=show_parser.error)
    for one in (parser, show_parser):
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as one JSON object")

    records = actions.add_parser("records", help="print the records that wait, the oldest first", allow_abbrev=False)
    records.add_argument("--limit", type=_positive, metavar="N", help="at most N records")
    records.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="OTLP JSON, one request a line, as collectors read it",
    )
    records.set_defaults(run=print_records, error=records.error)

    verify_parser = actions.add_parser("verify", help="check every record that waits", allow_abbrev=False)
    verify_parser.set_defaults(run=verify, error=verify_parser.error)

    drain = actions.add_parser(
        "drain",
        help="send what dead processes left, and remove what has arrived",
        description="Send what dead processes left, in order, and remove what has arrived. What living processes have"
        " is theirs to send. Where an option is not given, the variables OTEL_EXPORTER_OTLP_* count.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    drain.add_argument("--endpoint", metavar="URL", help="of the collector, as for setup()")
    drain.add_argument("--protocol", metavar="NAME", help="grpc or http/protobuf")
    drain.add_argument(
        "--header", dest="headers", action="append", default=[], metavar="NAME=VALUE", help="may be repeated"
    )
    drain.add_argument("--all", action="store_true", help="only if no process lives, so that nothing is left behind")
    drain.add_argument(
        "--timeout",
        type=_positive,
        default=30,
        metavar="SECONDS",
        help="give up when nothing could be delivered for so long (default: %(default)s)",
    )
    drain.add_argument(
        "--discard-refused", action="store_true", help="remove records that the collector refuses for good"
    )
    drain.set_defaults(run=_drain, error=drain.error)


def with_path(argv: Sequence[str]) -> Sequence[str]:
    """Return a command line with the PATH that the variable ``OTEL_CTXLOG_SPOOL`` says, if it is ours and names none.

    `argparse` cannot: where the first of two positionals may be missing, it takes an only one for the second.
    """
    if not argv or argv[0] != "spool" or "-h" in argv or "--help" in argv:
        return argv
    at = next((at for at, text in enumerate(argv) if at and not text.startswith("-")), len(argv))
    # A directory may have the name of an action.
    named = at < len(argv) and (argv[at] not in _ACTIONS or [*argv, ""][at + 1] in _ACTIONS)
    return argv if named else [*argv[:at], os.environ.get(_VARIABLE, "").strip(), *argv[at:]]


def _has_path(arguments: argparse.Namespace) -> None:
    if not arguments.path:
        error: Callable[[str], Any] = arguments.error
        error(f"the following arguments are required: PATH, or a directory in the variable {_VARIABLE}")


@writing
def show(arguments: argparse.Namespace) -> int:
    """Show what waits; the exit code."""
    view = _look(arguments)
    if view is None:
        return 2
    if arguments.json:
        print(json.dumps(_as_json(view), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_as_text(view)))
    return 0


@writing
def verify(arguments: argparse.Namespace) -> int:
    """Check all that waits; the exit code."""
    view = _look(arguments)
    if view is None:
        return 2
    found = 0
    for owner in view.owners:
        for segment in owner.segments:
            if segment.problem and not segment.foreign:
                found += 1
                print(f"{segment.path}: {segment.problem}")
            for part in segment.bad:
                found += 1
                lost = _count(part.records, "record")
                print(f"{segment.path}:{part.start}: {part.end - part.start} bytes are damaged, {lost} lost")
    intact = _count(sum(owner.records for owner in view.owners), "intact record")
    print(f"{intact}, {_count(found, 'damaged part')}", file=sys.stderr)
    return 1 if found else 0


@writing
def print_records(arguments: argparse.Namespace) -> int:
    """Print the records that wait; the exit code."""
    from otel_ctxlog.delivery.spool.inspecting import waiting_records, why_no_spool

    _has_path(arguments)
    left: int = arguments.limit if arguments.limit is not None else sys.maxsize
    strange = 0
    try:
        if problem := why_no_spool(Path(arguments.path)):
            return _no_spool(problem)
        for records in waiting_records(Path(arguments.path)):
            for start in range(0, min(len(records), left), _AT_ONCE):
                strange += _print(records[start : min(left, start + _AT_ONCE)], as_json=arguments.json)
            left -= min(len(records), left)
            if not left:
                break
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough. What Python would still write at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _unreadable(arguments, error)
    if strange:
        print(f"otel-ctxlog spool: {_count(strange, 'record')} cannot be decoded as OTLP", file=sys.stderr)
    return 1 if strange else 0


def _print(records: Sequence[Encoded], *, as_json: bool) -> int:
    """Print some records, and return how many of them could not be decoded."""
    from google.protobuf.message import DecodeError

    from otel_ctxlog.delivery.request import assemble
    from otel_ctxlog.receiver.decode import ExportLogsServiceRequest, records_of
    from otel_ctxlog.receiver.otlp_json import to_json_line
    from otel_ctxlog.receiver.show import format_record

    try:
        request = ExportLogsServiceRequest.FromString(
            assemble([((resource, scope), record) for resource, scope, record in records])
        )
    except DecodeError:
        return sum(_print([one], as_json=as_json) for one in records) if len(records) > 1 else 1
    if as_json:
        sys.stdout.write(to_json_line(request))
    else:
        style = _dated_style()
        sys.stdout.writelines(format_record(record, style) + "\n" for record, _ in records_of(request))
    return 0


def _dated_style() -> Style:
    """Return how lines look here: what waits may be of another day, and of a machine in another zone."""
    from otel_ctxlog.receiver.show import Style

    class Dated(Style):
        __slots__ = ()

        def time(self, unix_nano: int) -> str:
            return (_moment(unix_nano) if unix_nano else None) or "-"

    return Dated.of_stream(sys.stdout)


def _drain(arguments: argparse.Namespace) -> int:
    from otel_ctxlog.cli.spool_drain import drain

    view = _look(arguments)
    return 2 if view is None else drain(arguments, view)


def _look(arguments: argparse.Namespace) -> SpoolView | None:
    from otel_ctxlog.delivery.spool.inspecting import look, why_no_spool

    _has_path(arguments)
    try:
        if problem := why_no_spool(Path(arguments.path)):
            _no_spool(problem)
            return None
        return look(Path(arguments.path))
    except OSError as error:
        _unreadable(arguments, error)
        return None


def _no_spool(problem: str) -> int:
    print(f"otel-ctxlog spool: {problem}", file=sys.stderr)
    return 2


def _unreadable(arguments: argparse.Namespace, error: OSError) -> int:
    print(f"otel-ctxlog spool: {arguments.path}: {error.strerror or error}", file=sys.stderr)
    return 2


def _as_text(view: SpoolView) -> list[str]:
    alive = sum(owner.alive for owner in view.owners)
    records = sum(owner.records for owner in view.owners)
    size = _size(sum(owner.bytes for owner in view.owners))
    living = _count(alive, "living process", "living processes")
    lines = [f"{view.path}: {_count(records, 'record')} ({size}) of {living} and {len(view.owners) - alive} dead"]
    rows = [("OWNER", "STATE", "PROCESS", "SEGMENTS", "RECORDS", "SIZE", "OLDEST")]
    rows += [
        (
            owner.name,
            "lives" if owner.alive else f"sent by {owner.sender}" if owner.sender else "dead",
            _who(owner),
            str(len(owner.segments)),
            str(owner.records),
            _size(owner.bytes),
            _oldest(owner) or "-",
        )
        for owner in view.owners
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    if len(rows) > 1:
        lines += [_columns(row, widths) for row in rows]
    for owner in view.owners:
        if owner.problem:
            lines.append(f"{owner.name}: cannot be read: {owner.problem}")
        if owner.damage:
            lines.append(f"{owner.name}: {_count(owner.damage, 'damaged part')}, see verify")
        lines += [f"{one.path.name}: {one.problem}" for one in owner.segments if one.foreign]
    if view.corrupt:
        size = _size(sum(size for _, size in view.corrupt))
        lines.append(f"set aside earlier as damaged: {_count(len(view.corrupt), 'part')}, {size}")
    return lines


def _columns(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _as_json(view: SpoolView) -> dict[str, Any]:
    return {
        "path": str(view.path),
        "records": sum(owner.records for owner in view.owners),
        "bytes": sum(owner.bytes for owner in view.owners),
        "damagedParts": sum(owner.damage for owner in view.owners),
        "owners": [
            {
                "name": owner.name,
                "alive": owner.alive,
                "sentBy": owner.sender or None,
                "pid": owner.pid,
                "host": owner.host,
                "program": owner.program,
                "records": owner.records,
                "bytes": owner.bytes,
                "oldest": _oldest(owner),
                "damagedParts": owner.damage,
                "problem": owner.problem,
                "segments": [
                    {
                        "name": segment.path.name,
                        "records": segment.records,
                        "bytes": segment.bytes,
                        "damagedParts": len(segment.bad),
                        "problem": segment.problem,
                    }
                    for segment in owner.segments
                ],
            }
            for owner in view.owners
        ],
        "setAside": [{"name": path.name, "bytes": size} for path, size in view.corrupt],
    }


def _who(owner: OwnerView) -> str:
    from otel_ctxlog.console.text import escape

    known = [owner.program, str(owner.pid) if owner.pid else "", f"on {owner.host}" if owner.host else ""]
    return escape(" ".join(part for part in known if part)) or "-"


def _oldest(owner: OwnerView) -> str | None:
    """When the first record that waits was made, as ISO 8601 in UTC."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    for segment in owner.segments:
        if segment.first is None:
            continue
        moment = segment.made
        try:
            record = LogRecord.FromString(segment.first[2])
            moment = record.time_unix_nano or record.observed_time_unix_nano or moment
        except DecodeError:
            pass
        return _moment(moment)
    return None


def _moment(unix_nano: int) -> str | None:
    """A time as ISO 8601 in UTC, or None if there is no such year."""
    from datetime import datetime, timezone

    seconds, nanos = divmod(unix_nano, 1_000_000_000)
    try:
        found = datetime.fromtimestamp(seconds, tz=timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None
    return f"{found.replace(tzinfo=None).isoformat()}.{nanos // 1_000_000:03}Z"


def _size(size: int) -> str:
    if size < _STEP:
        return f"{size} B"
    power = min(len(_UNITS), (size.bit_length() - 1) // 10)
    return f"{size / _STEP**power:.1f} {_UNITS[power - 1]}"


def _count(number: int, what: str, several: str | None = None) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {several or what + 's'}"


def _positive(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"a positive number is needed, found {text!r}")
