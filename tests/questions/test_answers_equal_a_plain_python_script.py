from __future__ import annotations

import base64
import json
import tempfile
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_ctxlog.questions.asking import Count, Listing, Rate, Records
from otel_ctxlog.questions.wanted import Filters
from tests.questions import plain
from tests.questions.asked import ask

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000
NOON = 1_795_176_000 * SECOND
NAMES: tuple[str, ...] = ("tenant", "retry", "http.route", "share", "on", "größe", "order-id")
TYPES = ("orderPlaced", "orderFailed", "machineStarted")
SERVICES = ("shop", "stock", "京東")
TRACES = ("5b8efff798038103d269b633813fc60c", "5b8efff7ffffffffffffffffffffffff", "0" * 32)

texts = st.sampled_from(["acme", "globex", "", "it's", 'a "b"', "ä\u2028\n", "\U0001f600", "NaN", "7"]) | st.text(
    st.characters(codec="utf-8"), max_size=8
)


Json: TypeAlias = dict[str, Any]


def one_of_kind(kind: str) -> Callable[[object], Json]:
    def made(value: object) -> Json:
        return {kind: value}

    return made


def array(elements: list[Json]) -> Json:
    return {"arrayValue": {"values": elements}}


def pairs(entries: dict[str, Json]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in entries.items()]


def key_value_list(entries: dict[str, Json]) -> Json:
    return {"kvlistValue": {"values": pairs(entries)}}


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9)
doubles = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.sampled_from(["NaN", "-Infinity", "2.5"])
flat: st.SearchStrategy[Json] = st.one_of(
    texts.map(one_of_kind("stringValue")),
    # Integers of 64 bit are text or numbers.
    numbers.map(one_of_kind("intValue")),
    numbers.map(str).map(one_of_kind("intValue")),
    doubles.map(one_of_kind("doubleValue")),
    st.booleans().map(one_of_kind("boolValue")),
    st.binary(max_size=4).map(as_base64).map(one_of_kind("bytesValue")),
    st.sampled_from([dict[str, Any](), {"stringValue": None}]),
)


def nested(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.lists(inner, max_size=3).map(array) | st.dictionaries(texts, inner, max_size=3).map(key_value_list)


names: st.SearchStrategy[str] = st.sampled_from(NAMES).map(str)
values: st.SearchStrategy[Json] = st.recursive(flat, nested, max_leaves=4)
attributes: st.SearchStrategy[list[Json]] = st.dictionaries(names, values, max_size=4).map(pairs)


@st.composite
def record(draw: st.DrawFn) -> Json:
    found: Json = {"attributes": draw(attributes)}
    time = draw(st.integers(NOON, NOON + 300 * SECOND))
    found[draw(st.sampled_from(["timeUnixNano", "timeUnixNano", "observedTimeUnixNano"]))] = draw(
        st.sampled_from([time, str(time)])
    )
    severity = draw(st.sampled_from([None, 0, 1, 5, 9, 10, 17, 24, "SEVERITY_NUMBER_WARN", "SEVERITY_NUMBER_INFO2"]))
    if severity is not None:
        found["severityNumber"] = severity
    found["severityText"] = draw(st.sampled_from(["", "INFO", "error", "odd"]))
    where = draw(st.sampled_from(["none", "name", "attribute", "both"]))
    if where in ("name", "both"):
        found["eventName"] = draw(st.sampled_from(TYPES))
    if where in ("attribute", "both"):
        kind = draw(st.sampled_from(TYPES))
        found["attributes"].append({"key": "eventType", "value": {"stringValue": kind}})
    trace = draw(st.sampled_from([None, "", *TRACES]))
    if trace:
        found["traceId"] = draw(st.sampled_from([trace, trace.upper(), as_base64(bytes.fromhex(trace))]))
        found["spanId"] = draw(st.sampled_from(["eee19b7ec3c1b174", "7uGbfsPBsXQ="]))
    body = draw(st.none() | values)
    if body is not None:
        found["body"] = body
    return found


@st.composite
def line(draw: st.DrawFn) -> str:
    resource = draw(attributes)
    service = draw(st.sampled_from([None, *SERVICES]))
    if service is not None:
        resource.append({"key": "service.name", "value": {"stringValue": service}})
    scopes: list[Json | None] = [None, {}, {"name": "a.b"}, {"name": "c", "attributes": draw(attributes)}]
    scope = draw(st.sampled_from(scopes))
    of_scope: Json = {"logRecords": draw(st.lists(record(), max_size=6))}
    if scope is not None:
        of_scope["scope"] = scope
    request = {"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [of_scope]}]}
    return json.dumps(request, ensure_ascii=draw(st.booleans()))


filters = st.builds(
    Filters,
    types=st.sampled_from([(), ("orderPlaced",), ("order*", "machineStarted"), ("nothing",), ("order[PF]*",)]),
    services=st.sampled_from([(), ("shop",), ("s*",), ("京東", "stock")]),
    since=st.none() | st.integers(NOON, NOON + 200 * SECOND),
    until=st.none() | st.integers(NOON + 100 * SECOND, NOON + 300 * SECOND),
    trace=st.sampled_from([None, "5b8efff7", TRACES[0], "0"]),
    severity=st.sampled_from([None, 1, 9, 13, 17]),
)


def passes(record: plain.Plain, by: Filters) -> bool:
    return (
        (not by.types or (record.event is not None and any(fnmatchcase(record.event, glob) for glob in by.types)))
        and (
            not by.services
            or (record.service is not None and any(fnmatchcase(record.service, glob) for glob in by.services))
        )
        and (by.since is None or record.time >= by.since)
        and (by.until is None or record.time < by.until)
        and (by.trace is None or (record.trace is not None and record.trace.startswith(by.trace)))
        and (by.severity is None or record.severity >= by.severity)
    )


def expected(lines: list[str], chosen: Records) -> list[plain.Plain]:
    """The records that count, in the order of the lines."""
    return [
        record
        for record in plain.read(lines)
        if (chosen.plain or record.event is not None) and passes(record, chosen.filters)
    ]


def with_file(lines: list[str], check: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
        check(path)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(lines=st.lists(line(), max_size=4), filters=filters, plain_too=st.booleans())
def test_a_list_has_exactly_the_records_that_pass(lines: list[str], filters: Filters, plain_too: bool) -> None:
    """Filters let through what the plain script lets through, in order of time, with all it knows of each record."""
    chosen = Records(filters=filters, plain=plain_too)

    def check(path: Path) -> None:
        columns = ("time_unix_nano", "service", "severity_number", "eventType", "trace_id", "span_id", "attributes")
        rows, found = ask(Listing(chosen, columns=columns), path)
        records = sorted(expected(lines, chosen), key=lambda record: record.time)

        assert found.broken == []
        assert [(*row[:6], json.loads(str(row[6]))) for row in rows] == [
            (one.time, one.service, one.severity or None, one.event, one.trace, one.span, one.attributes)
            for one in records
        ]

    with_file(lines, check)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    lines=st.lists(line(), max_size=4),
    filters=filters,
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True),
)
def test_counts_are_exact(lines: list[str], filters: Filters, names: list[str]) -> None:
    """Counted by attributes, every combination of values has the number that the plain script finds."""
    chosen = Records(filters=filters)

    def check(path: Path) -> None:
        rows, _ = ask(Count(chosen, by=names), path)
        records = expected(lines, chosen)
        kinds = {name: {kind_of(one.value(name)) for one in records} - {""} for name in names}
        wanted = Counter(tuple(as_column(one.value(name), kinds[name]) for name in names) for one in records)
        given = Counter[tuple[object, ...]]()
        for row in rows:
            given[tuple(map(canonical, row[:-1]))] += int(str(row[-1]))

        assert given == wanted
        assert [row[-1] for row in rows] == sorted((int(str(row[-1])) for row in rows), reverse=True)

    with_file(lines, check)


def kind_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return "number as text" if value in ("NaN", "Infinity", "-Infinity") else "text"
    return type(value).__name__


def as_column(value: Any, kinds: set[str]) -> object:
    """A value as it is in a column with values of these kinds: of one kind, as numbers, or as text."""
    if value is None or kinds in ({"int"}, {"bool"}):
        return value
    if kinds <= {"int", "float", "number as text"}:
        return canonical(float(value))
    return canonical(value if isinstance(value, str) else json.dumps(value))


def canonical(value: object) -> object:
    """The same for texts that mean the same JSON, and for doubles."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        try:
            return json.dumps(json.loads(value), sort_keys=True)
        except ValueError:
            return value
    return value


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(lines=st.lists(line(), min_size=1, max_size=4), step=st.sampled_from([1, 7, 60]))
def test_rates_are_exact_and_without_gaps(lines: list[str], step: int) -> None:
    """Each interval from the first record to the last has its number, empty ones have 0."""
    chosen = Records(filters=Filters())

    def check(path: Path) -> None:
        rows, _ = ask(Rate(chosen, step=step * SECOND), path)
        buckets = Counter(one.time // (step * SECOND) for one in expected(lines, chosen) if one.time)
        every = range(min(buckets), max(buckets) + 1) if buckets else ()

        assert [row[1] for row in rows] == [buckets[bucket] for bucket in every]

    with_file(lines, check)
