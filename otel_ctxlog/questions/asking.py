"""Questions as SQL: what has to be read for each, and the SELECT that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_ctxlog.questions.database import identifier
from otel_ctxlog.questions.problem import QuestionError
from otel_ctxlog.questions.references import OF_LOGS, of_one_view, of_views, quote_chains, references
from otel_ctxlog.questions.wanted import Filters, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_ctxlog.questions.database import Database
    from otel_ctxlog.questions.references import References
    from otel_ctxlog.questions.rows import Found

__all__ = ["Count", "Listing", "OwnSql", "Question", "Rate", "Records", "Timeline", "Trace"]

_LISTED: Final = ("time", "service", "severity", "eventType", "body", "scope", "trace_id", "span_id", "attributes")
_MOST_BUCKETS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Which records a question is about.

    Attributes:
        filters: what is asked of them while they are read.
        plain: whether log records that are no events count, too.
        where: a condition in SQL, or empty.
        distinct: whether of the log records with the same ``log.record.uid`` only the first counts.
    """

    filters: Filters
    plain: bool = False
    where: str = ""
    distinct: bool = False


class Question:
    """A question: what to read for it, then the SELECT.

    Attributes:
        attributes: the attributes that become columns, in order; set by `wanted`.
        null_columns: whether those that no record has become empty columns.
        limit: the most rows of an answer; None for all.
    """

    null_columns = True

    def __init__(self, records: Records, *, limit: int | None = None) -> None:
        self.records = records
        self.limit = limit
        self.attributes: tuple[str, ...] = ()
        self._where = ""

    def wanted(self, database: Database) -> Wanted:
        """Return what has to be read.

        Raises:
            QuestionError: the question is not understood.
        """
        names = [resolved(name) for name in self.names()]
        self._where = ""
        if self.records.where:
            # On a line of its own: a comment at its end must not hide the parenthesis.
            condition = quote_chains(self.records.where, of_one_view)
            found = references(database, f"SELECT 1 FROM {self.view} WHERE (\n{condition}\n)", what="--where")  # noqa: S608
            if found.tables != frozenset({self.view}):
                raise QuestionError("--where must be a condition on one record, without tables of its own")
            names.extend([*found.columns, *found.attributes])
            self._where = f" WHERE (\n{condition}\n)"
        self.attributes = _attributes(names)
        return Wanted(
            events=True,
            plain=self.records.plain,
            columns=frozenset(name for name in names if name.lower() in OF_LOGS),
            attributes=self.attributes,
            filters=self.records.filters,
            distinct=self.records.distinct,
        )

    @property
    def view(self) -> str:
        """The view that is asked."""
        return "logs" if self.records.plain else "events"

    @property
    def source(self) -> str:
        """What stands after FROM, the condition included."""
        return f"{self.view}{self._where}"

    def names(self) -> Sequence[str]:
        """Return the columns and attributes that the answer shows or counts by."""
        return ()

    def total(self) -> str | None:
        """Return the SELECT for how many rows there are without a limit; None where that is of no interest."""
        return None

    def sql(self, database: Database, found: Found) -> str:
        """Return the SELECT that answers, after everything was read and `Database.shut`."""
        raise NotImplementedError


class Listing(Question):
    """The records themselves, in order of time."""

    def __init__(
        self, records: Records, *, columns: Sequence[str] = (), limit: int | None = None, newest: bool = False
    ) -> None:
        super().__init__(records, limit=limit)
        self._columns = tuple(columns) or _LISTED
        self._newest = newest

    def names(self) -> Sequence[str]:
        """Return the columns."""
        return self._columns

    def total(self) -> str:
        """Return the SELECT for the number of records."""
        return f"SELECT count(*) FROM {self.source}"  # noqa: S608

    def sql(self, database: Database, found: Found) -> str:  # noqa: ARG002
        """Return the records; of equal times in the order read."""
        direction = " DESC" if self._newest else ""
        return (
            f"SELECT {_list(self._columns)} FROM {self.source} "  # noqa: S608
            f"ORDER BY time_unix_nano{direction}, seq{direction}{_limited(self.limit)}"
        )


class Count(Question):
    """How many records there are by columns or attributes; the most first."""

    def __init__(self, records: Records, *, by: Sequence[str], limit: int | None = None) -> None:
        super().__init__(records, limit=limit)
        self._by = tuple(by)

    def names(self) -> Sequence[str]:
        """Return what is counted by."""
        return self._by

    def sql(self, database: Database, found: Found) -> str:  # noqa: ARG002
        """Return a row for each combination of values."""
        order = ", ".join([f"{len(self._by) + 1} DESC", *(str(at + 1) for at in range(len(self._by)))])
        return (
            f"SELECT {_shown(self._by)}, n AS count "  # noqa: S608
            f"FROM (SELECT {_keyed(self._by)}, count(*) AS n FROM {self.source} GROUP BY ALL) "
            f"ORDER BY {order}{_limited(self.limit)}"
        )


class Rate(Question):
    """How many records there are in each interval of time, by columns or attributes if wanted.

    Args:
        records: which records.
        step: the length of an interval in nanoseconds.
        by: columns or attributes.
        limit: the longest answer, None for any.
        top: whether the fullest intervals come first, in place of the earliest.
    """

    def __init__(
        self, records: Records, *, step: int, by: Sequence[str] = (), limit: int | None = None, top: bool = False
    ) -> None:
        super().__init__(records, limit=limit)
        self._step = step
        self._by = tuple(by)
        self._top = top

    def names(self) -> Sequence[str]:
        """Return what is counted by."""
        return self._by

    def sql(self, database: Database, found: Found) -> str:  # noqa: ARG002
        """Return a row for each interval; without `by` for empty ones between the first and the last, too.

        Raises:
            QuestionError: there would be more than 100,000.
        """
        keys = "".join(f", {key}" for key in [_keyed(self._by)] if key)
        # The condition first: it may look at what stands for nothing here.
        counted = (
            f"SELECT time_unix_nano // {self._step} AS bucket{keys}, count(*) AS n "  # noqa: S608
            f"FROM (SELECT * FROM {self.source}) WHERE time_unix_nano > 0 GROUP BY ALL"
        )
        shown = (
            f"make_timestamp(bucket * {self._step} // 1000) AS time{', ' if self._by else ''}{_shown(self._by)}, "
            f"coalesce(n, 0) AS count, round(coalesce(n, 0) / {self._step / 1e9!r}, 3) AS per_second"
        )
        # By position: a name could be that of an attribute, too.
        places = [str(at + 1) for at in range(len(self._by) + 1)]
        order = ", ".join([f"{len(places) + 1} DESC", *places] if self._top else places)
        if self._by:
            return f"SELECT {shown} FROM ({counted}) ORDER BY {order}{_limited(self.limit)}"  # noqa: S608
        ((first, last),) = database.rows(f"SELECT min(bucket), max(bucket) FROM ({counted})")  # noqa: S608
        if first is None:
            return f"SELECT {shown} FROM ({counted})"  # noqa: S608
        buckets = int(str(last)) - int(str(first)) + 1
        if buckets > _MOST_BUCKETS:
            raise QuestionError(
                f"--rate would give {buckets:,} intervals, allowed: {_MOST_BUCKETS:,}; take a longer one, or --since"
            )
        return (
            f"SELECT {shown} FROM (SELECT unnest(range({first}, {last} + 1)) AS bucket) "  # noqa: S608
            f"LEFT JOIN ({counted}) USING (bucket) ORDER BY {order}{_limited(self.limit)}"
        )


class Timeline(Question):
    """The course of records over time, as a plot.

    Args:
        records: which records.
        by: columns or attributes; one course for each combination of values.
        groups: how many courses there may be.
    """

    def __init__(self, records: Records, *, by: Sequence[str] = (), groups: int = 10) -> None:
        super().__init__(records)
        self.by = tuple(by)
        self.groups = groups

    def names(self) -> Sequence[str]:
        """Return what is counted by."""
        return self.by

    def span_of_time(self, database: Database) -> tuple[int | None, int | None]:
        """Return the times of the first and of the last record in nanoseconds, or None if there is none."""
        ((first, last),) = database.rows(
            f"SELECT min(time_unix_nano), max(time_unix_nano) FROM {self._rows()}"  # noqa: S608
        )
        return (first, last) if isinstance(first, int) and isinstance(last, int) else (None, None)

    def largest(self, database: Database) -> tuple[list[tuple[str, int]], int]:
        """Return the names and counts of the largest groups, the largest first, and how many groups there are."""
        counted = f"SELECT {_keyed(self.by)}, count(*) AS n FROM {self._rows()} GROUP BY ALL"  # noqa: S608
        rows = database.rows(f"SELECT * FROM ({counted}) ORDER BY n DESC, {_keys(self.by)} LIMIT {self.groups}")  # noqa: S608
        ((count,),) = database.rows(f"SELECT count(*) FROM ({counted})")  # noqa: S608
        return [(_group(row[:-1]), int(str(row[-1]))) for row in rows], int(str(count))

    def courses(self, database: Database, *, first: int, last: int, step: int) -> list[list[int]]:
        """Return how many records each interval has, for each of the largest groups, or for all records at once.

        Args:
            database: what holds the records.
            first: the time of the first record in nanoseconds.
            last: that of the last one.
            step: the length of an interval in nanoseconds.
        """
        bucket = f"time_unix_nano // {step} - {first // step} AS bucket"
        if self.by:
            counted = f"SELECT {_keyed(self.by)}, {bucket}, count(*) AS n FROM {self._rows()} GROUP BY ALL"  # noqa: S608
            keys = _keys(self.by)
            ranked = (
                f"SELECT {keys}, row_number() OVER (ORDER BY sum(n) DESC, {keys}) - 1 AS place "  # noqa: S608
                f"FROM ({counted}) GROUP BY {keys}"
            )
            same = " AND ".join(f"counted.k{at} IS NOT DISTINCT FROM ranked.k{at}" for at in range(len(self.by)))
            sql = (
                f"SELECT place, bucket, n FROM ({counted}) AS counted "  # noqa: S608
                f"JOIN (SELECT * FROM ({ranked}) WHERE place < {self.groups}) AS ranked ON {same} ORDER BY 1, 2"
            )
        else:
            sql = f"SELECT 0, {bucket}, count(*) FROM {self._rows()} GROUP BY ALL ORDER BY 2"  # noqa: S608
        found: dict[int, list[int]] = {}
        for place, at, count in database.rows(sql):
            course = found.setdefault(int(str(place)), [0] * (last // step - first // step + 1))
            course[int(str(at))] = int(str(count))
        return list(found.values())

    def _rows(self) -> str:
        return f"(SELECT * FROM {self.source}) WHERE time_unix_nano > 0"  # noqa: S608


class Trace(Question):
    """The log records and spans of one trace, in order of time."""

    def wanted(self, database: Database) -> Wanted:
        """Return all that belongs to the trace."""
        kept = super().wanted(database)
        return Wanted(
            events=True,
            plain=True,
            spans=True,
            columns=frozenset({*_LISTED, *kept.columns}),
            attributes=kept.attributes,
            filters=kept.filters,
            distinct=kept.distinct,
        )

    @property
    def view(self) -> str:
        """Events and plain log records."""
        return "logs"

    def total(self) -> str:
        """Return the SELECT for the number of records and spans."""
        return f"SELECT (SELECT count(*) FROM {self.source}) + (SELECT count(*) FROM spans)"  # noqa: S608

    def sql(self, database: Database, found: Found) -> str:  # noqa: ARG002
        """Return records and spans as rows of one shape."""
        records = f"""
            SELECT time, CASE WHEN "eventType" IS NULL THEN 'record' ELSE 'event' END AS what, service, severity,
                coalesce("eventType", body) AS name, NULL::DOUBLE AS duration_ms, NULL AS status, trace_id, span_id,
                NULL AS parent_span_id, attributes, time_unix_nano, 1 AS rank, seq, "eventType" IS NOT NULL AS event
            FROM {self.source}"""  # noqa: S608
        spans = """
            SELECT time, 'span' AS what, service, NULL AS severity, name, duration_ms, status, trace_id, span_id,
                parent_span_id, attributes, time_unix_nano, 0 AS rank, seq, false AS event
            FROM spans"""
        return (
            "SELECT time, what, service, severity, name, duration_ms, status, trace_id, span_id, parent_span_id, "  # noqa: S608
            f"attributes, time_unix_nano FROM ({records} UNION ALL {spans}) ORDER BY time_unix_nano, rank, seq"
            f"{_limited(self.limit)}"
        )


class OwnSql(Question):
    """A SELECT of the user's on the views."""

    null_columns = False

    def __init__(self, records: Records, *, sql: str) -> None:
        super().__init__(records)
        self._sql = sql.strip().rstrip(";").rstrip()
        self._references: References | None = None

    def wanted(self, database: Database) -> Wanted:
        """Return what the SELECT refers to."""
        found = self._references = references(database, self._sql, what="--sql")
        self.attributes = found.attributes
        return Wanted(
            events=bool(found.tables & {"events", "logs"}),
            plain="logs" in found.tables,
            spans="spans" in found.tables,
            columns=found.columns,
            attributes=found.attributes,
            filters=self.records.filters,
            distinct=self.records.distinct,
        )

    def sql(self, database: Database, found: Found) -> str:  # noqa: ARG002
        """Return the SELECT with attributes that have dots in quotes."""
        if self._references is None:
            raise RuntimeError("wanted() comes first")
        there = {
            name
            for position, name in enumerate(self.attributes)
            if any(kinds and kinds[position] for kinds in (found.log_kinds, found.span_kinds))
        }
        return quote_chains(self._sql, of_views(self._references, there))


def _group(values: Sequence[object]) -> str:
    return ", ".join("-" if value is None else str(value) for value in values)


def _keyed(names: Sequence[str]) -> str:
    """What is counted by, under names of our own, which no attribute's can be confused with."""
    return ", ".join(f"{identifier(resolved(name))} AS k{at}" for at, name in enumerate(names))


def _keys(names: Sequence[str]) -> str:
    return ", ".join(f"k{at}" for at in range(len(names)))


def _shown(names: Sequence[str]) -> str:
    """The names of our own as they were asked for."""
    return ", ".join(f"k{at} AS {identifier(name)}" for at, name in enumerate(names))


def resolved(name: str) -> str:
    """Return the column that a name stands for: one that is always there, in whatever case, or an attribute."""
    return OF_LOGS.get(name.lower(), name)


def _attributes(names: Sequence[str]) -> tuple[str, ...]:
    """The names that are no fixed columns, each once."""
    by_case: dict[str, str] = {}
    for name in names:
        if name.lower() in OF_LOGS:
            continue
        other = by_case.setdefault(name.lower(), name)
        if other != name:
            raise QuestionError(
                f"{other!r} and {name!r} differ in case only, which SQL does not see: "
                f"ask for one of them, or write attributes->>'{name}' in --where"
            )
    return tuple(by_case.values())


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"{identifier(resolved(name))} AS {identifier(name)}" for name in names)


def _limited(limit: int | None) -> str:
    return "" if limit is None else f" LIMIT {limit}"
