"""The private DuckDB that holds what was read: filled, shut, and then asked.

Once it is shut, no statement reads or writes a file, loads an extension or changes a setting; what does not fit into
its memory goes to a folder of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import duckdb

from otel_ctxlog.questions.problem import QuestionError
from otel_ctxlog.questions.rows import BOOLEAN, DOUBLE, INTEGER, NESTED, NOT_FINITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from otel_ctxlog.questions.rows import Found

__all__ = ["LOG_COLUMNS", "SPAN_COLUMNS", "VIEWS", "Answer", "Database", "identifier", "literal"]

# Name, type as shown, what it is, and how it is made of a row.
LOG_COLUMNS: Final = (
    ("time", "TIMESTAMP", "when it happened, in UTC; when it was observed, if nobody said", "{time}"),
    ("time_unix_nano", "BIGINT", "the same in nanoseconds since 1970; 0: unknown", "t"),
    ("service", "VARCHAR", "the resource's service.name", "v"),
    ("severity", "VARCHAR", "TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or the text of an unknown one", "m"),
    ("severity_number", "INTEGER", "1 to 24", "nullif(n, 0)"),
    ("eventType", "VARCHAR", "the event name, else the attribute eventType; NULL in plain log records", "e"),
    ("body", "VARCHAR", "text, or JSON", "b"),
    ("scope", "VARCHAR", "the name of the logger (instrumentation scope)", "c"),
    ("trace_id", "VARCHAR", "32 hexadecimal digits", "i"),
    ("span_id", "VARCHAR", "16 hexadecimal digits", "p"),
    ("attributes", "JSON", "the attributes as an object", "a"),
    ("resource", "JSON", "the resource's attributes as an object", "r"),
    ("seq", "BIGINT", "the position in the input, from 0", "rowid"),
)
SPAN_COLUMNS: Final = (
    ("time", "TIMESTAMP", "when it started, in UTC", "{time}"),
    ("time_unix_nano", "BIGINT", "the same in nanoseconds since 1970; 0: unknown", "t"),
    ("duration_ms", "DOUBLE", "how long it took, in milliseconds", "d / 1e6"),
    ("service", "VARCHAR", "the resource's service.name", "v"),
    ("name", "VARCHAR", "the span's name", "n"),
    ("kind", "VARCHAR", "internal, server, client, producer, consumer", "k"),
    ("status", "VARCHAR", "unset, ok, error", "s"),
    ("status_message", "VARCHAR", "what went wrong", "g"),
    ("scope", "VARCHAR", "the name of the tracer (instrumentation scope)", "c"),
    ("trace_id", "VARCHAR", "32 hexadecimal digits", "i"),
    ("span_id", "VARCHAR", "16 hexadecimal digits", "p"),
    ("parent_span_id", "VARCHAR", "the span that it is part of", "o"),
    ("attributes", "JSON", "the attributes as an object", "a"),
    ("resource", "JSON", "the resource's attributes as an object", "r"),
    ("seq", "BIGINT", "the position in the input, from 0", "rowid"),
)
VIEWS: Final = {"logs": LOG_COLUMNS, "events": LOG_COLUMNS, "spans": SPAN_COLUMNS}

_TIME: Final = "CASE WHEN t > 0 THEN make_timestamp(t // 1000) END"
_ROWS: Final = {
    "logs": {
        "t": "BIGINT",
        "n": "INTEGER",
        "m": "VARCHAR",
        "e": "VARCHAR",
        "v": "VARCHAR",
        "b": "VARCHAR",
        "c": "VARCHAR",
        "i": "VARCHAR",
        "p": "VARCHAR",
        "a": "JSON",
        "r": "JSON",
        "x": "VARCHAR[]",
        "u": "VARCHAR",
    },
    "spans": {
        "t": "BIGINT",
        "d": "BIGINT",
        "n": "VARCHAR",
        "k": "VARCHAR",
        "s": "VARCHAR",
        "g": "VARCHAR",
        "v": "VARCHAR",
        "c": "VARCHAR",
        "i": "VARCHAR",
        "p": "VARCHAR",
        "o": "VARCHAR",
        "a": "JSON",
        "r": "JSON",
        "x": "VARCHAR[]",
    },
}
_FETCHED: Final = 5_000
_DESCRIBE: Final = "DESCRIBE "


class Answer:
    """The rows of an answer, as they come.

    Attributes:
        names: the names of the columns.
        types: their types in SQL.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, names: list[str], types: list[str]) -> None:
        self._connection = connection
        self.names = names
        self.types = types

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        while rows := self._fetched():
            yield from rows

    def _fetched(self) -> list[tuple[object, ...]]:
        try:
            return self._connection.fetchmany(_FETCHED)
        except duckdb.Error as error:
            raise QuestionError(reason_of(error)) from error


class Database:
    """A DuckDB in memory, of which nothing is left behind.

    Args:
        folder: an empty folder of its own, for what does not fit into memory and for files to export.
        memory: how much memory it may take, as DuckDB writes it: ``1GB``.
    """

    def __init__(self, folder: Path, *, memory: str) -> None:
        self.folder = folder
        self._connection = duckdb.connect(":memory:")
        # Python variables are no tables, and nothing is fetched from anywhere.
        self._set("python_enable_replacements", "false")
        self._set("autoinstall_known_extensions", "false")
        self._set("autoload_known_extensions", "false")
        self._set("enable_progress_bar", "false")
        self._set("temp_directory", literal(str(folder / "spilled")))
        try:
            self._set("memory_limit", literal(memory))
        except duckdb.Error as error:
            raise QuestionError(f"{memory!r} is no amount of memory; allowed: like 500MB, 2GB") from error
        for table, columns in _ROWS.items():
            described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            self._connection.execute(f"CREATE TABLE {table}_rows ({described})")

    def _set(self, name: str, value: str) -> None:
        self._connection.execute(f"SET {name} = {value}")

    def load(self, path: Path, table: str, longest: int) -> None:
        """Add a file of rows to the table ``logs`` or ``spans``; `longest`: the size of the longest row where large.

        Raises:
            OSError: there is neither memory nor disk for them.
        """
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in _ROWS[table].items())
        size = f", maximum_object_size = {longest + 1024}" if longest else ""
        try:
            self._connection.execute(
                f"INSERT INTO {table}_rows SELECT * FROM read_json({literal(str(path))}, "  # noqa: S608
                f"format = 'newline_delimited', columns = {{{columns}}}{size})"
            )
        except duckdb.Error as error:
            raise OSError(reason_of(error)) from error

    def drop_duplicates(self) -> int:
        """Keep the first of the log records with the same id, and return how many others there were.

        Raises:
            OSError: there is neither memory nor disk for it.
        """
        first = "SELECT min(rowid) FROM logs_rows WHERE u IS NOT NULL GROUP BY u"
        delete = f"DELETE FROM logs_rows WHERE u IS NOT NULL AND rowid NOT IN ({first})"  # noqa: S608
        try:
            row = self._connection.execute(delete).fetchone()
        except duckdb.Error as error:
            raise OSError(reason_of(error)) from error
        return int(row[0]) if row else 0

    def shut(self, found: Found, attributes: Sequence[str], *, null_columns: bool) -> None:
        """Make the views, and let nothing touch files or settings from now on.

        Args:
            found: what was read.
            attributes: the names that became columns of rows, in order.
            null_columns: whether names that no record has become columns without a value.
        """
        for view, columns in VIEWS.items():
            if view == "events":
                self._connection.execute('CREATE VIEW events AS SELECT * FROM logs WHERE "eventType" IS NOT NULL')
                continue
            kinds = found.span_kinds if view == "spans" else found.log_kinds
            selected = [f"{made.format(time=_TIME)} AS {identifier(name)}" for name, _, _, made in columns]
            taken = {name.lower() for name, *_ in columns}
            for position, name in enumerate(attributes):
                kind = kinds[position] if kinds else 0
                # SQL does not tell cases apart.
                if (kind or null_columns) and name.lower() not in taken:
                    taken.add(name.lower())
                    made = f"CAST(x[{position + 1}] AS {_type_of(kind)})" if kind else "NULL"
                    selected.append(f"{made} AS {identifier(name)}")
            self._connection.execute(f"CREATE VIEW {view} AS SELECT {', '.join(selected)} FROM {view}_rows")  # noqa: S608
        self._set("allowed_directories", f"[{literal(str(self.folder))}]")
        self._set("enable_external_access", "false")
        self._set("lock_configuration", "true")

    def ask(self, sql: str) -> Answer:
        """Answer a SELECT.

        Raises:
            QuestionError: DuckDB does not take it, or fails on the way.
        """
        try:
            described = self._connection.execute(f"{_DESCRIBE}{sql}").fetchall()
            self._connection.execute(sql)
        except duckdb.Error as error:
            raise QuestionError(reason_of(error)) from error
        return Answer(self._connection, [str(row[0]) for row in described], [str(row[1]) for row in described])

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Return all rows of a SELECT.

        Raises:
            QuestionError: as `ask`.
        """
        return list(self.ask(sql))

    def text(self, sql: str, argument: str) -> str:
        """Return the one text that a SELECT with one parameter gives."""
        row = self._connection.execute(sql, [argument]).fetchone()
        return str(row[0]) if row else ""

    def export(self, sql: str, name: str) -> Path:
        """Write the answer to a SELECT to a Parquet file in the own folder, and return its path.

        Raises:
            QuestionError: as `ask`.
        """
        path = self.folder / name
        try:
            self._connection.execute(f"COPY ({sql}\n) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")
        except duckdb.Error as error:
            raise QuestionError(reason_of(error)) from error
        return path

    def close(self) -> None:
        """Give everything back; a second time does nothing."""
        self._connection.close()


def reason_of(error: duckdb.Error) -> str:
    """Return what DuckDB says, without the empty lines, and without our own word before the user's."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    for at, line in enumerate(lines):
        if line.startswith(f"LINE 1: {_DESCRIBE}"):
            # The next line points at a column of this one.
            size = len(_DESCRIBE)
            lines[at : at + 2] = [line.replace(_DESCRIBE, "", 1), *(below[size:] for below in lines[at + 1 : at + 2])]
            break
    return "\n".join(lines)


def identifier(name: str) -> str:
    """Return a name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"


def _type_of(kinds: int) -> str:
    """The type of a column whose values are of these kinds: what they have in common."""
    if kinds == INTEGER:
        return "BIGINT"
    if kinds == BOOLEAN:
        return "BOOLEAN"
    if kinds == NESTED:
        return "JSON"
    if kinds and not kinds & ~(INTEGER | DOUBLE | NOT_FINITE):
        return "DOUBLE"
    return "VARCHAR"
