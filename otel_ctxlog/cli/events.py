"""`otel-ctxlog events`: questions to files of OTLP JSON lines."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from otel_ctxlog.cli.events_check import FORMATS, check
from otel_ctxlog.cli.service import is_terminal
from otel_ctxlog.engine.durations import parse_duration
from otel_ctxlog.errors import MissingExtraError

if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, TextIO

    from typing_extensions import Self

    from otel_ctxlog.questions.asking import Question, Records
    from otel_ctxlog.questions.rows import Found
    from otel_ctxlog.questions.session import Session

_DESCRIPTION = """\
Answer questions to files of OTLP JSON lines: what `otel-ctxlog receive --keep` and the file exporters of OpenTelemetry
and its Collector write, plain or compressed by gzip or zstd. Events are log records with an event name or an attribute
eventType. Without a question they are listed.
"""
_EPILOG = """\
Any name in --where, --count-by, --by and --columns is a column (see --schema) or an attribute of the record, its scope
or its resource. Exit code: 0 answered, 1 something could not be read, 2 wrong command line or question, 3 answered, but
lines were broken, 130 interrupted. The manual is docs/events-command.md.
"""
_ANSWERED, _FAILED, _MISUSED, _BROKEN, _SIGNALLED = 0, 1, 2, 3, 128
_SIGPIPE = 13
_LISTED = 100
_TREE = 10_000
_GROUPS = 10


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    """Add the command to a parser."""
    parser = commands.add_parser(
        "events",
        help="ask files of OTLP JSON lines",
        # All options would take more lines than a complaint about one of them.
        usage="%(prog)s FILE ... [which records] [a question] [the answer]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="files, patterns like 'logs/*.jsonl*', - for stdin")
    chosen = parser.add_argument_group("which records")
    chosen.add_argument(
        "--type", action="append", default=[], metavar="TYPE", help="event type, or a pattern: 'order*'"
    )
    chosen.add_argument("--service", action="append", default=[], metavar="NAME", help="service, or a pattern")
    chosen.add_argument("--since", metavar="TIME", help="from then on: 2026-11-20T13:37 (UTC), or 10m for before now")
    chosen.add_argument("--until", metavar="TIME", help="before then")
    chosen.add_argument("--trace", metavar="ID", help="of this trace; the beginning of its id will do")
    chosen.add_argument("--severity", metavar="LEVEL", help="at least: trace debug info warn error fatal, or 1 to 24")
    chosen.add_argument("--where", default="", metavar="SQL", help="a condition: 'retry > 3 and tenant = ''acme'''")
    chosen.add_argument("--logs", action="store_true", help="all log records, not only events")
    chosen.add_argument(
        "--distinct", action="store_true", help="of log records with the same log.record.uid the first only"
    )
    asked = parser.add_argument_group("questions (one of them; --trace alone shows the trace as a tree)")
    kinds = asked.add_mutually_exclusive_group()
    kinds.add_argument(
        "--count-by", type=_names, metavar="NAMES", help="how many, by columns or attributes: tenant,eventType"
    )
    kinds.add_argument("--rate", type=_step, metavar="TIME", help="how many in each interval: 1m")
    kinds.add_argument("--timeline", action="store_true", help="a plot over time")
    kinds.add_argument("--sql", metavar="SELECT", help="a SELECT on the views events, logs and spans")
    kinds.add_argument(
        "--schema", action="store_true", help="the views, and the attributes of the files if some are given"
    )
    kinds.add_argument("--columns", type=_names, metavar="NAMES", help="list these columns or attributes only")
    asked.add_argument(
        "--by", type=_names, default=(), metavar="NAMES", help="for --rate and --timeline: for each of these"
    )
    asked.add_argument("--top", type=_positive, metavar="N", help="the N largest counts only")
    asked.add_argument(
        "--limit", type=_natural, metavar="N", help=f"at most N rows; 0: all (default: {_LISTED} in lists on tables)"
    )
    asked.add_argument("--newest", action="store_true", help="list the newest first")
    answer = parser.add_argument_group("the answer")
    answer.add_argument("--format", choices=FORMATS, help="(default: what FILE of -o ends in, else table)")
    answer.add_argument("-o", "--output", metavar="FILE", help="write it to FILE")
    answer.add_argument(
        "--color", action=argparse.BooleanOptionalAction, help="colours, or none (default: on a terminal)"
    )
    answer.add_argument("--jobs", type=_positive, metavar="N", help="processes that read (default: one per processor)")
    answer.add_argument("--memory", default="1GB", metavar="SIZE", help="memory of the database (default: %(default)s)")
    parser.set_defaults(run=run, error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Answer, and return the exit code."""
    check(arguments)
    signals = _Signals()
    try:
        with signals:
            _needs_extra()
            return _run(arguments)
    except BaseException as problem:
        # Interrupted, DuckDB and the processes that read have exceptions of their own for it.
        if signals.came:
            return _SIGNALLED + signals.came
        if isinstance(problem, BrokenPipeError):
            # Whoever read the answer has enough. Nothing may be written on the way out either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _SIGNALLED + _SIGPIPE
        if isinstance(problem, OSError):
            text = problem.strerror or str(problem)
            return _failed(f"{problem.filename}: {text}" if problem.filename is not None else text)
        if isinstance(problem, MissingExtraError):
            return _failed(problem)
        raise


def _failed(problem: object, code: int = _FAILED) -> int:
    from otel_ctxlog.console.text import escape

    # What DuckDB complains about may be a value that somebody has sent.
    text = "\n".join(map(escape, str(problem).split("\n")))
    print(f"otel-ctxlog events: {text}", file=sys.stderr)
    return code


def _needs_extra() -> None:
    try:
        import duckdb  # noqa: F401 # pyright: ignore[reportUnusedImport]
        import msgspec  # noqa: F401 # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise MissingExtraError("otel-ctxlog events", "events") from None


def _run(arguments: argparse.Namespace) -> int:
    from otel_ctxlog.questions.lines import Sources, expand
    from otel_ctxlog.questions.problem import QuestionError
    from otel_ctxlog.questions.progress import Progress
    from otel_ctxlog.questions.scan import default_jobs
    from otel_ctxlog.questions.session import Session

    try:
        if arguments.schema and not arguments.files:
            return _show_views(arguments)
        names = expand(arguments.files)
        question = _question(arguments)
        sources = Sources(names)
        _check_output(arguments.output, names)
        if "-" in names and is_terminal(sys.stdin):
            print("reading lines of OTLP JSON from the terminal; Ctrl-D ends them", file=sys.stderr)
        with Session(question, memory=arguments.memory, jobs=arguments.jobs or default_jobs()) as session:
            progress = Progress(sys.stderr, total=sources.total, shown=is_terminal(sys.stderr))
            try:
                found = session.read(sources, progress.show)
            finally:
                progress.end()
            shown = _show(arguments, question, session)
            _report(found, session, shown)
            return _BROKEN if found.broken_lines else _ANSWERED
    except QuestionError as problem:
        return _failed(problem, _MISUSED)


def _check_output(output: str | None, names: list[str]) -> None:
    """See that the answer can be put at its place, and that no file to read lies there."""
    from otel_ctxlog.questions.problem import QuestionError

    if output is None:
        return
    if os.path.isdir(output) or not os.path.isdir(os.path.dirname(output) or "."):  # noqa: PTH112, PTH120 - as given
        raise QuestionError(f"-o needs a file in a folder that exists, but got {output!r}")
    if os.path.exists(output):  # noqa: PTH110 - the name as given
        for name in names:
            if name != "-" and os.path.samefile(name, output):  # noqa: PTH121
                raise QuestionError(f"{output!r} is one of the files to read, it would be overwritten")


def _question(arguments: argparse.Namespace) -> Question:
    from otel_ctxlog.questions import asking, schema

    records = _records(arguments)
    limit: int | None = arguments.top or arguments.limit or None
    if arguments.schema:
        return schema.Schema(records)
    if arguments.sql is not None:
        return asking.OwnSql(records, sql=arguments.sql)
    if arguments.count_by is not None:
        return asking.Count(records, by=arguments.count_by, limit=limit)
    if arguments.rate is not None:
        return asking.Rate(records, step=arguments.rate, by=arguments.by, limit=limit, top=arguments.top is not None)
    if arguments.timeline:
        return asking.Timeline(records, by=arguments.by, groups=arguments.top or _GROUPS)
    # Who names a file wants the answer.
    for_people = arguments.format == "table" and arguments.limit is None and arguments.output is None
    if arguments.trace is not None and arguments.columns is None:
        return asking.Trace(records, limit=_TREE if for_people else limit)
    return asking.Listing(
        records, columns=arguments.columns or (), limit=_LISTED if for_people else limit, newest=arguments.newest
    )


def _records(arguments: argparse.Namespace) -> Records:
    from otel_ctxlog.questions.asking import Records
    from otel_ctxlog.questions.moments import parse_moment, parse_severity
    from otel_ctxlog.questions.problem import QuestionError
    from otel_ctxlog.questions.wanted import Filters

    now = time.time_ns()
    try:
        filters = Filters(
            types=tuple(arguments.type),
            services=tuple(arguments.service),
            since=parse_moment(arguments.since, now=now) if arguments.since is not None else None,
            until=parse_moment(arguments.until, now=now) if arguments.until is not None else None,
            trace=_trace(arguments.trace) if arguments.trace is not None else None,
            severity=parse_severity(arguments.severity) if arguments.severity is not None else None,
        )
    except ValueError as problem:
        raise QuestionError(str(problem)) from problem
    if filters.since is not None and filters.until is not None and filters.since >= filters.until:
        raise QuestionError(
            f"--since must be before --until, but got --since {arguments.since} --until {arguments.until}: "
            f"there is no time between them"
        )
    return Records(filters=filters, plain=arguments.logs, where=arguments.where, distinct=arguments.distinct)


def _trace(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{1,32}", text):
        raise ValueError(f"a trace id has up to 32 hexadecimal digits, but got {text!r}")
    return text.lower()


def _show_views(arguments: argparse.Namespace) -> int:
    from otel_ctxlog.questions.schema import views
    from otel_ctxlog.questions.showing import Screen

    screen = Screen(sys.stdout, color=arguments.color)
    screen.write(views(columns=screen.columns, color=screen.color))
    return _ANSWERED


def _show(arguments: argparse.Namespace, question: Question, session: Session) -> int | None:
    """Write the answer, and return how many rows there were for people; None where nobody counted."""
    from otel_ctxlog.questions.placing import place

    output: str | None = arguments.output
    if arguments.format == "parquet":
        path = session.export()
        if output is None:
            with path.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.flush()
        else:
            place(path, output)
        return None
    if output is None:
        return _show_on(sys.stdout, arguments, question, session)
    # At its place only when it is complete.
    path = session.folder / "answer"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        shown = _show_on(stream, arguments, question, session)
    place(path, output)
    return shown


def _show_on(stream: TextIO, arguments: argparse.Namespace, question: Question, session: Session) -> int | None:
    from otel_ctxlog.questions import asking, schema, showing

    if arguments.format != "table":
        showing.show_plain(session, stream, arguments.format)
        return None
    screen = showing.Screen(stream, color=arguments.color)
    if isinstance(question, schema.Schema):
        found = session.found
        screen.write(schema.views(columns=screen.columns, color=screen.color))
        if found is not None:
            screen.write(["", *schema.attributes(found, columns=screen.columns, color=screen.color)])
        return None
    if isinstance(question, asking.Timeline):
        return showing.show_timeline(session, question, screen)
    if isinstance(question, asking.Trace):
        return showing.show_tree(session, screen)
    if isinstance(question, asking.Listing) and arguments.columns is None:
        return showing.show_list(session, screen)
    return showing.show_table(session, screen)


def _report(found: Found, session: Session, shown: int | None) -> None:
    """Say on standard error what the answer does not: lines left out, names that nobody has, rows not shown."""
    from otel_ctxlog.console.text import escape

    notes = [f"note: {line}" for line in session.unknown()]
    if not (found.lines or found.broken_lines or found.unfinished):
        notes.append("nothing to read: expected lines of OTLP JSON, as `otel-ctxlog receive --keep FILE` writes them")
    elif shown is not None and not shown:
        notes.append(f"nothing found in {found.records:,} log records and {found.spans:,} spans")
    if session.duplicates:
        what = "log record" if session.duplicates == 1 else "log records"
        notes.append(f"{session.duplicates:,} {what} left out whose log.record.uid had come before")
    left_out = session.left_out(shown) if shown else 0
    if left_out:
        notes.append(f"{left_out:,} more are not shown; --limit 0 shows all")
    if found.unfinished is not None:
        notes.append(f"note: the last line is not finished: {found.unfinished}")
    if found.broken_lines:
        notes.append(f"{found.broken_lines:,} broken {'line' if found.broken_lines == 1 else 'lines'} left out:")
        notes.extend(f"  {broken}" for broken in found.broken)
        if found.broken_lines > len(found.broken):
            notes.append(f"  and {found.broken_lines - len(found.broken):,} more")
    for note in notes:
        print(escape(note), file=sys.stderr)


class _Signals:
    """While entered, SIGINT, SIGTERM and SIGHUP end what is done by an exception, so that nothing is left on the disk.

    Attributes:
        came: the signal that came, or 0.
    """

    def __init__(self) -> None:
        self.came = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            numbers = [signal.SIGINT, signal.SIGTERM]
            # `nohup` has it ignored.
            if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
                numbers.append(signal.SIGHUP)
            for number in numbers:
                self._before[number] = signal.signal(number, self._end)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.came = number
        raise KeyboardInterrupt


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().strip('"') for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"names with commas between are needed, like tenant,eventType, found {text!r}")
    return names


def _step(text: str) -> int:
    try:
        return max(round(parse_duration(text) * 1e9), 1)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _natural(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"a number from 0 is needed, found {text!r}")


def _positive(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"a positive number is needed, found {text!r}")
