from __future__ import annotations

import pytest

from .loki import Entry, label_name, lines, series
from .queries import Aggregation, Call, LabelFilter, Matcher, QueryError, Selector, Unwrap, parse_logql, parse_promql
from .traceql import matches

GOOD_LOGQL = [
    '{service_name="shop"}',
    '{service_name=~".+"} | eventType!="" | tenant=~"a|b" |= "x" != "y" |~ `z+`',
    '{a="b",c!~"d"} | retry > 3 | line_format "{{.eventType}}"',
    'sum by (eventType, tenant) (count_over_time({a="b"} | eventType!="" [5m]))',
    'sum(rate({a="b"}[1m])) / sum(rate({a="b"}[1h30m])) * 100',
    'count(sum by (x) (count_over_time({a="b"}[1m])))',
    'sum_over_time({a="b"} | unwrap n [1m])',
    'topk(5, sum by (a) (rate({a="b"}[1m])))',
]
BAD_LOGQL = [
    "",
    "{}",
    '{a=~".*"}',
    '{a="b"',
    '{a="b"} | ',
    '{a="b"} | x=',
    '{a="b"} | x=~3',
    '{a="b"} eventType="x"',
    'sum({a="b"})',
    'count_over_time({a="b"})',
    'count_over_time({a="b"}[5])',
    'count_over_time({a="b"} | unwrap n [5m])',
    'sum_over_time({a="b"}[5m])',
    'increase({a="b"}[5m])',
    'sum by eventType (rate({a="b"}[5m]))',
    'sum by (event.type) (rate({a="b"}[5m]))',
    'rate({a="b"}[5m]) +',
    '{a="b"} + 1',
    "events_total",
    '{a="b"}} ',
    'frequency({a="b"}[5m])',
    '{a="b"} | event.type="x"',
    '{a="b"} | x="unclosed',
]
GOOD_PROMQL = [
    "events_total",
    'sum by (a, b) (rate(events_total{a="b",c=~"d.*"}[5m]))',
    'sum(increase({__name__=~"a|b"}[1h])) / 60',
    "topk(3, sum(rate(x[1m])))",
]
BAD_PROMQL = [
    "",
    "rate(events_total)",
    "sum(events_total[5m])",
    "sum by (a) events_total",
    "rate(sum(x)[5m])",
    "events_total{a=b}",
    'events_total | eventType="x"',
    "events.total",
    "{}",
    "rate(x[5m]) rate(y[5m])",
]


@pytest.mark.parametrize("text", GOOD_LOGQL)
def test_logql_is_read(text: str) -> None:
    """A query that Loki takes is taken."""
    parse_logql(text)


@pytest.mark.parametrize("text", BAD_LOGQL)
def test_what_is_no_logql_is_refused(text: str) -> None:
    """A query that Loki refuses is refused, with a position."""
    with pytest.raises(QueryError, match=r"position|allowed"):
        parse_logql(text)


@pytest.mark.parametrize("text", GOOD_PROMQL)
def test_promql_is_read(text: str) -> None:
    """A query that Prometheus takes is taken."""
    parse_promql(text)


@pytest.mark.parametrize("text", BAD_PROMQL)
def test_what_is_no_promql_is_refused(text: str) -> None:
    """A query that Prometheus refuses is refused."""
    with pytest.raises(QueryError, match=r"position|allowed"):
        parse_promql(text)


def test_the_tree_says_what_was_asked() -> None:
    """Names, signs, values and groups are where they belong."""
    query = parse_logql('sum by (x) (sum_over_time({a=~"b"} | c!="d" | unwrap n [5m]))')

    selector = Selector("", (Matcher("a", "=~", "b"),), (LabelFilter("c", "!=", "d"), Unwrap("n")), "5m")
    assert query == Aggregation("sum", ("x",), Call("sum_over_time", selector))


ENTRIES = [
    Entry("one", {"service_name": "a"}, {"eventType": "x", "n": "2"}),
    Entry("two", {"service_name": "a"}, {"eventType": "y", "n": "3"}),
    Entry("three", {"service_name": "b"}, {"eventType": "x", "n": "oops"}),
    Entry("four", {"service_name": "b"}, {}),
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('{service_name="a"}', ["one", "two"]),
        ('{service_name=~".+"} | eventType="x"', ["one", "three"]),
        ('{service_name=~".+"} | eventType!=""', ["one", "two", "three"]),
        ('{service_name=~".+"} | eventType=~".*"', ["one", "two", "three", "four"]),
        ('{service_name=~".+"} | n > 2', ["two"]),
        ('{service_name=~".+"} |= "o" != "w"', ["one", "four"]),
        ('{service_name=~".+"} |~ "^t"', ["two", "three"]),
        ('{service_name="c"}', []),
    ],
)
def test_lines_are_found_as_loki_finds_them(query: str, found: list[str]) -> None:
    """An absent label is an empty one, patterns take the whole value, numbers compare as numbers."""
    assert [entry.line for entry in lines(parse_logql(query), ENTRIES)] == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('sum(count_over_time({service_name=~".+"}[5m]))', {(): 4}),
        ('sum by (eventType) (count_over_time({service_name="a"}[5m]))', {("x",): 1, ("y",): 1}),
        ('sum(sum_over_time({service_name=~".+"} | eventType!="" | unwrap n [5m]))', {(): 5}),
        ('topk(1, sum by (eventType) (count_over_time({service_name=~".+"} | eventType!="" [5m])))', {("x",): 2}),
        ('count(sum by (eventType) (count_over_time({service_name=~".+"} | eventType!="" [5m])))', {(): 2}),
        (
            'sum(count_over_time({service_name="a"}[5m])) / sum(count_over_time({service_name=~".+"}[5m]))',
            {(): 0.5},
        ),
    ],
)
def test_series_are_counted_as_loki_counts_them(query: str, found: dict[tuple[str, ...], float]) -> None:
    """Sums of samples, groups by labels, and what is no number counts for nothing."""
    answer = series(parse_logql(query), ENTRIES)

    assert {tuple(one.labels.values()): one.value for one in answer} == found


def test_a_kind_of_query_is_not_mistaken_for_the_other() -> None:
    """Lines are no numbers, and numbers are no lines."""
    with pytest.raises(QueryError):
        series(parse_logql('{a="b"}'), ENTRIES)
    with pytest.raises(QueryError):
        lines(parse_logql('rate({a="b"}[5m])'), ENTRIES)


def test_names_become_labels_as_in_loki() -> None:
    """What a label cannot have becomes an underscore, several become one, and a digit does not stand first."""
    names = ["service.name", "eventType", "otel_ctxlog.lost.count", "a..b", "http-method", "1st", "naïve"]

    assert [label_name(name) for name in names] == [
        "service_name",
        "eventType",
        "otel_ctxlog_lost_count",
        "a_b",
        "http_method",
        "key_1st",
        "na_ve",
    ]


@pytest.mark.parametrize("query", ["", "name = x", "{ name }", '{ nam = "x" }', "{ name > 3 }", '{ own.x = "y" }'])
def test_what_is_no_traceql_is_refused(query: str) -> None:
    """A condition without braces, sign or field is refused."""
    from otel_ctxlog.receiver import ReceivedSpan

    with pytest.raises(ValueError, match=r"allowed|compares"):
        matches(query, ReceivedSpan(name="x"))
